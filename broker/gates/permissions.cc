// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/permissions.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace roost::gates {

namespace {

std::uint64_t bit_of(unsigned number) { return std::uint64_t{1} << number; }

}  // namespace

Permissions::Permissions(const Clock& clock, std::uint16_t shard_count) : clock_(clock) {
  for (unsigned shard = 0; shard < shard_count; ++shard) shards_.know(shard);
}

Permissions::Row::Row() : earliest_(std::numeric_limits<SteadyMs>::max()) {
  for (auto& each : until_) each.store(0, std::memory_order_relaxed);
}

// The order of the loads is that of the stores turned round: `earliest_` never is later than what
// is allowed in the word that is read behind it, at the time that was read before it.
std::uint64_t Permissions::Row::without(const Clock& clock) const {
  const SteadyMs now_ms = clock.steady_ms();
  const SteadyMs earliest = earliest_.load(std::memory_order_acquire);
  std::uint64_t allowed = allowed_.load(std::memory_order_acquire);
  if (now_ms >= earliest) {
    for (std::uint64_t left = allowed; left != 0; left &= left - 1) {
      const auto at = static_cast<unsigned>(std::countr_zero(left));
      if (now_ms >= until_[at].load(std::memory_order_relaxed)) allowed &= ~bit_of(at);
    }
  }
  return known_.load(std::memory_order_relaxed) & ~allowed;
}

void Permissions::Row::allow(unsigned at, SteadyMs until, const Clock& clock) {
  if (until <= clock.steady_ms()) return;
  if ((allowed_.load(std::memory_order_relaxed) & bit_of(at)) != 0 &&
      until <= until_[at].load(std::memory_order_relaxed)) {
    return;
  }
  until_[at].store(until, std::memory_order_relaxed);
  if (until < earliest_.load(std::memory_order_relaxed)) {
    earliest_.store(until, std::memory_order_release);
  }
  allowed_.fetch_or(bit_of(at), std::memory_order_release);
  // Those that are over don't hold the others up.
  const SteadyMs now_ms = clock.steady_ms();
  for (std::uint64_t left = allowed_.load(std::memory_order_relaxed); left != 0; left &= left - 1) {
    const auto each = static_cast<unsigned>(std::countr_zero(left));
    if (now_ms >= until_[each].load(std::memory_order_relaxed)) {
      allowed_.fetch_and(~bit_of(each), std::memory_order_release);
    }
  }
  set_earliest();
}

void Permissions::Row::forbid(unsigned at) {
  allowed_.fetch_and(~bit_of(at), std::memory_order_release);
}

void Permissions::Row::know(unsigned at) { known_.fetch_or(bit_of(at), std::memory_order_relaxed); }

void Permissions::Row::forget(unsigned at) {
  forbid(at);
  known_.fetch_and(~bit_of(at), std::memory_order_relaxed);
}

void Permissions::Row::set_earliest() {
  SteadyMs earliest = std::numeric_limits<SteadyMs>::max();
  for (std::uint64_t left = allowed_.load(std::memory_order_relaxed); left != 0; left &= left - 1) {
    earliest = std::min(earliest, until_[std::countr_zero(left)].load(std::memory_order_relaxed));
  }
  earliest_.store(earliest, std::memory_order_release);
}

}  // namespace roost::gates
