// SPDX-License-Identifier: Apache-2.0
// How many TLS handshakes are under way at once on a core: each holds up to 40 kB and waits for a
// client that may be slow. The others wait with nothing but their first bytes.
// Thread: core-bound.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "broker/base/clock.h"
#include "broker/core/core.h"

namespace roost::net {

class HandshakePace final : private core::Timer {
 public:
  // Who takes longer is late. The late leave a tenth of the places to others: so many begin at a
  // time however many are silent, and no more than clients answer when all do.
  static constexpr SteadyMs kLateMs = 1'000;
  static constexpr std::uint32_t kNeverForTheLate = 10;  // one place of so many

  // `max`: under way at once; 0: no limit.
  HandshakePace(core::Core& core, std::uint32_t max) : core_(core), max_(max) {}

  // True: it is under way now. Else `work` is asked for again when there is room, in the core's
  // background; `first`: before those that are not.
  bool may_begin(core::Background& work, bool first);
  // One that began at `begun_ms` is done or has failed.
  void ended(SteadyMs begun_ms);
  std::size_t waiting() const { return urgent_.size() + patient_.size(); }
  std::uint32_t under_way() const { return fresh_ + late_; }

 private:
  static constexpr SteadyMs kSliceMs = 100;
  static constexpr std::size_t kSlices = kLateMs / kSliceMs;

  void on_timer() override;
  void age();
  void let_in();
  std::uint32_t room() const;

  core::Core& core_;
  const std::uint32_t max_;
  std::array<std::uint32_t, kSlices> begun_{};  // and not ended nor late, by when they began
  std::uint32_t fresh_ = 0;                     // sum of begun_
  std::uint32_t late_ = 0;
  SteadyMs slice_ = 0;  // the newest in begun_
  core::WorkList<core::Background> urgent_, patient_;
};

}  // namespace roost::net
