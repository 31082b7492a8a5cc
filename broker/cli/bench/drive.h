// SPDX-License-Identifier: Apache-2.0
// Turns a loop on this thread until something holds, with a progress line a second: for the modes
// that go step by step.
// Thread: own thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "broker/cli/bench/loop.h"
#include "broker/cli/bench/options.h"

namespace roost::cli::bench {

class Drive {
 public:
  Drive(const Options& options, Loop& loop) : options_(options), loop_(loop) {}

  // Turns until done() or the deadline or a signal; true when done. `progress` grows with the work
  // and is shown as a rate; `patience_s` without growth ends it too. `each_turn` may be empty.
  bool until(const char* what, double patience_s, const std::function<std::uint64_t()>& progress,
             const std::function<bool()>& done, const std::function<void()>& each_turn = {});

 private:
  const Options& options_;
  Loop& loop_;
  std::uint64_t start_ns_ = clock_ns();
};

}  // namespace roost::cli::bench
