// SPDX-License-Identifier: Apache-2.0
// Where a node's admin API is found, and whether a node is there.
// Thread: any thread.
#pragma once

#include <optional>
#include <string>

namespace roost::admin {

// The Unix socket in the data directory; whoever may open it may do everything.
inline std::string socket_path(const std::string& data_dir) { return data_dir + "/admin.sock"; }

// The pid of the process that uses the data directory; nothing: nobody does.
std::optional<std::string> owner_of(const std::string& data_dir);

}  // namespace roost::admin
