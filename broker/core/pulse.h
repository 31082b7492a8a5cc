// SPDX-License-Identifier: Apache-2.0
// Whether all cores still turn: each gets a little mail now and then, and has to run it.
// Thread: any one thread, no core's.
// Owner: whoever watches.
#pragma once

#include <atomic>
#include <memory>

#include "broker/core/cores.h"

namespace roost::core {

class Pulse {
 public:
  explicit Pulse(Cores& cores) : cores_(cores) {}

  // Whether every core has run the mail of the last call that said yes; if so, they get new mail.
  // The first call says yes. Requires: the cores live.
  bool beat();

 private:
  Cores& cores_;
  // Cores that haven't run it yet; shared with the mail, which may outlive this.
  std::shared_ptr<std::atomic<int>> missing_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace roost::core
