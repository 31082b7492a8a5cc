// SPDX-License-Identifier: Apache-2.0
#include "broker/core/cores.h"

#include "broker/base/check.h"

namespace roost::core {

Cores::Cores(std::uint16_t count, const Clock& clock, const HostRules& rules) {
  CHECK(count >= 1 && count <= 64);
  for (std::uint16_t i = 0; i < count; ++i) {
    cores_.push_back(std::make_unique<Core>(CoreId{i}, clock, rules));
    if (rules.hosts && i > 0) cores_[i]->be_guest_of(*cores_[0]);
  }
}

Cores::~Cores() { stop(); }

// The host last, and first when it stops: its guests are parked before it serves them, and served
// by themselves while it no longer does.
void Cores::start() {
  for (auto core = cores_.rbegin(); core != cores_.rend(); ++core) (*core)->start();
}

void Cores::stop() {
  for (auto& core : cores_) core->stop();
}

}  // namespace roost::core
