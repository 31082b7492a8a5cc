// SPDX-License-Identifier: Apache-2.0
// Where a node's admin API is found.
// Thread: any thread (pure).
#pragma once

#include <string>

namespace roost::admin {

// The Unix socket in the data directory; whoever may open it may do everything.
inline std::string socket_path(const std::string& data_dir) { return data_dir + "/admin.sock"; }

}  // namespace roost::admin
