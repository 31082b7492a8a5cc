// SPDX-License-Identifier: Apache-2.0
// Whether a process runs: what is to happen in one that is stopped waits for it, and what is to
// happen in a dead one doesn't.
// Thread: one at a time.
// Owner: the Host and everything under way to it, together.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace roost::simulation {

struct Process {
  bool is_dead = false;
  bool is_paused = false;
  std::vector<std::function<void()>> held;

  void run(std::function<void()> what) {
    if (is_dead) {
      return;
    }
    if (is_paused) {
      held.push_back(std::move(what));
      return;
    }
    what();
  }
  void go_on() {
    is_paused = false;
    for (auto& what : std::exchange(held, {})) {
      run(std::move(what));
    }
  }
};

}  // namespace roost::simulation
