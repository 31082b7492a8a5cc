// SPDX-License-Identifier: Apache-2.0
// One seed: a cluster, clients and faults made from it, run for so many steps, healed, and looked
// at. The same seed gives the same run.
// Thread: one at a time.
// Owner: main(), or a test.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/checker.h"
#include "tests/simulation/world.h"

namespace roost::simulation {

struct RunSetup {
  std::uint64_t seed = 1;
  std::uint64_t steps = 10'000;
  bool is_traced = false;
};

struct RunReport {
  std::optional<Violation> violation;
  std::string about;  // what the seed is made of
  std::uint64_t steps = 0;
  Counters counters;
  std::vector<Trace::Line> trace;
};

RunReport run_seed(const RunSetup& setup);

}  // namespace roost::simulation
