// SPDX-License-Identifier: Apache-2.0
// Waits for what other threads bring about.
// Thread: any thread.
#pragma once

#include <chrono>
#include <thread>

namespace roost::support {

// False: it isn't so after all that time.
template <typename Condition>
bool eventually(Condition is_so, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return is_so();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace roost::support
