// SPDX-License-Identifier: Apache-2.0
// What a node says of itself to `roost status`.
// Thread: any thread but a core: reads counters, and asks the cores.
#pragma once

#include <boost/json/value.hpp>
#include <string>

namespace roost::server {

struct Node;

boost::json::value status_json(Node& node);

// What /readyz says: empty if new clients are welcome.
std::string why_not_ready(const Node& node);

}  // namespace roost::server
