// SPDX-License-Identifier: Apache-2.0
#include "broker/net/handshake_pace.h"

#include <algorithm>
#include <utility>

namespace roost::net {

bool HandshakePace::may_begin(core::Background& work, bool first) {
  age();
  if (max_ > 0 && room() == 0) {
    (first ? urgent_ : patient_).add(work);
    if (waiting() == 1) core_.timers().arm(*this, core_.now_ms() + kSliceMs);
    return false;
  }
  ++begun_[static_cast<std::size_t>(slice_) % kSlices];
  ++fresh_;
  return true;
}

void HandshakePace::ended(SteadyMs begun_ms) {
  age();
  const SteadyMs slice = begun_ms / kSliceMs;
  if (slice > slice_ - static_cast<SteadyMs>(kSlices)) {
    --begun_[static_cast<std::size_t>(slice) % kSlices];
    --fresh_;
  } else {
    --late_;
  }
  let_in();
}

void HandshakePace::on_timer() {
  age();
  let_in();
  if (waiting() > 0) core_.timers().arm(*this, core_.now_ms() + kSliceMs);
}

void HandshakePace::age() {
  const SteadyMs now = core_.now_ms() / kSliceMs;
  slice_ = std::max(slice_, now - static_cast<SteadyMs>(kSlices));
  while (slice_ < now) {
    const auto old = std::exchange(begun_[static_cast<std::size_t>(++slice_) % kSlices], 0U);
    fresh_ -= old;
    late_ += old;
  }
}

std::uint32_t HandshakePace::room() const {
  const std::uint32_t kept = max_ / kNeverForTheLate + 1;
  const std::uint32_t places = std::max(kept, max_ - std::min(max_, late_));
  return places - std::min(places, fresh_);
}

// They ask again, and are let in then.
void HandshakePace::let_in() {
  for (std::uint32_t left = room(); left > 0 && waiting() > 0; --left) {
    core_.in_background((urgent_.empty() ? patient_ : urgent_).take(), true);
  }
}

}  // namespace roost::net
