// SPDX-License-Identifier: Apache-2.0
// What belongs together in the settings of a cluster. Part of config_check.
// Thread: any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "broker/server/config.h"

namespace roost::server {

inline constexpr std::size_t kNodeNameMax = 64;  // bytes, as a host name's label has

// node.name and node.advertise from the host's name; etcd's members from their list.
void derive_cluster(Config& config);

// Tells `add` of all that is wrong: path and sentence. Requires: derive().
void check_cluster(const Config& config,
                   const std::function<void(const std::string&, const std::string&)>& add);
std::vector<std::string> warn_cluster(const Config& config);

}  // namespace roost::server
