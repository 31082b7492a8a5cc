// SPDX-License-Identifier: Apache-2.0
// What a node says of itself to `roost status`.
// Thread: any thread but a core: reads counters, and asks the cores.
#pragma once

#include <boost/json/value.hpp>

namespace roost::server {

struct Node;

boost::json::value status_json(Node& node);

}  // namespace roost::server
