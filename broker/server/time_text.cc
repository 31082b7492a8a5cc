// SPDX-License-Identifier: Apache-2.0
#include "broker/server/time_text.h"

#include <ctime>

namespace roost::server {

std::string time_text(WallMs ms) {
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

}  // namespace roost::server
