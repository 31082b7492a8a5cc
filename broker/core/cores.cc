// SPDX-License-Identifier: Apache-2.0
#include "broker/core/cores.h"

#include "broker/base/check.h"

namespace roost::core {

Cores::Cores(std::uint16_t count, const Clock& clock) {
  CHECK(count >= 1 && count <= 64);
  for (std::uint16_t i = 0; i < count; ++i) {
    cores_.push_back(std::make_unique<Core>(CoreId{i}, clock));
  }
}

Cores::~Cores() { stop(); }

void Cores::start() {
  for (auto& core : cores_) core->start();
}

void Cores::stop() {
  for (auto& core : cores_) core->stop();
}

}  // namespace roost::core
