// SPDX-License-Identifier: Apache-2.0
// What this is. Thread: any thread.
#pragma once

#include <string>

namespace roost::server {

// "0.1.0", from CMakeLists.txt.
std::string version();

}  // namespace roost::server
