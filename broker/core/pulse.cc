// SPDX-License-Identifier: Apache-2.0
#include "broker/core/pulse.h"

namespace roost::core {

bool Pulse::beat() {
  if (missing_->load() > 0) return false;
  missing_->store(cores_.size());
  for (std::uint16_t id = 0; id < cores_.size(); ++id) {
    cores_.at(CoreId{id}).post([missing = missing_] { missing->fetch_sub(1); });
  }
  return true;
}

}  // namespace roost::core
