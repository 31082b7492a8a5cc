// SPDX-License-Identifier: Apache-2.0
#include "broker/net/handshake_pace.h"

#include <algorithm>
#include <utility>

namespace roost::net {

bool HandshakePace::may_begin(core::Background& work, bool first) {
  forget_old();
  if (max_ > 0 && under_way_ >= max_) {
    (first ? urgent_ : patient_).add(work);
    if (waiting() == 1) core_.timers().arm(*this, core_.now_ms() + kSliceMs);
    return false;
  }
  ++begun_[static_cast<std::size_t>(slice_) % kSlices];
  ++under_way_;
  return true;
}

void HandshakePace::ended(SteadyMs begun_ms) {
  forget_old();
  const SteadyMs slice = begun_ms / kSliceMs;
  if (slice > slice_ - static_cast<SteadyMs>(kSlices)) {
    --begun_[static_cast<std::size_t>(slice) % kSlices];
    --under_way_;
  }
  let_in();
}

void HandshakePace::on_timer() {
  forget_old();
  let_in();
  if (waiting() > 0) core_.timers().arm(*this, core_.now_ms() + kSliceMs);
}

void HandshakePace::forget_old() {
  const SteadyMs now = core_.now_ms() / kSliceMs;
  slice_ = std::max(slice_, now - static_cast<SteadyMs>(kSlices));
  while (slice_ < now) {
    under_way_ -= std::exchange(begun_[static_cast<std::size_t>(++slice_) % kSlices], 0U);
  }
}

// They ask again, and are let in then.
void HandshakePace::let_in() {
  for (std::uint32_t room = max_ - std::min(max_, under_way_); room > 0 && waiting() > 0; --room) {
    core_.in_background((urgent_.empty() ? patient_ : urgent_).take(), true);
  }
}

}  // namespace roost::net
