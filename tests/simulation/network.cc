// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/network.h"

namespace roost::simulation {

std::optional<std::int64_t> Network::delay_us(NodeIndex from, NodeIndex to) {
  if (is_cut(from, to) || random_.permille(weather_.lost_permille)) {
    return std::nullopt;
  }
  return random_.permille(weather_.late_permille)
             ? random_.between(weather_.delay_us_max, weather_.late_us_max)
             : random_.between(weather_.delay_us_min, weather_.delay_us_max);
}

void Network::send(NodeIndex from, NodeIndex to, std::function<void()> deliver) {
  const auto delay = delay_us(from, to);
  if (!delay) {
    return;
  }
  if (random_.permille(weather_.doubled_permille)) {
    if (const auto again = delay_us(from, to)) {
      queue_.after(*again, deliver);
    }
  }
  queue_.after(*delay, std::move(deliver));
}

}  // namespace roost::simulation
