// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/client_limits.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::gates {

bool PublishRate::take(std::size_t bytes, SteadyMs now_ms) {
  const std::int64_t now_ns = now_ms * kNsPerMs;
  std::int64_t latest_ns = 0;
  if (limits_.messages_per_s != 0) {
    messages_ns_ = std::max(messages_ns_, now_ns) + kNsPerS / limits_.messages_per_s;
    latest_ns = messages_ns_;
  }
  if (limits_.bytes_per_s != 0) {
    const auto cost = static_cast<double>(bytes) / static_cast<double>(limits_.bytes_per_s);
    bytes_ns_ = std::max(bytes_ns_, now_ns) + static_cast<std::int64_t>(cost * kNsPerS);
    latest_ns = std::max(latest_ns, bytes_ns_);
  }
  ready_ms_ = (latest_ns - kNsPerS) / kNsPerMs + 1;
  return latest_ns - now_ns <= kNsPerS;
}

bool LossRate::is_over(const Seen& seen, SteadyMs now_ms) const {
  return now_ms >= seen.held_until_ms && now_ms - seen.since_ms >= limits_.losses_window_ms;
}

void LossRate::add(std::string_view client_id, SteadyMs now_ms) {
  if (limits_.losses_max == 0) return;
  if (seen_.size() >= kSeenMax) {
    std::erase_if(seen_, [&](const auto& each) { return is_over(each.second, now_ms); });
    // Very many within one window: none of them comes back often.
    if (seen_.size() >= kSeenMax) seen_.clear();
  }
  Seen& seen = seen_[hash64(client_id)];
  if (now_ms < seen.held_until_ms) return;
  if (seen.count == 0 || now_ms - seen.since_ms >= limits_.losses_window_ms)
    seen = {now_ms, 0, 0, {}};
  if (++seen.count == 2) seen.client_id = client_id;
  if (seen.count <= limits_.losses_max) return;
  seen.held_until_ms = now_ms + limits_.losses_hold_ms;
  seen.count = 0;
}

bool LossRate::is_held_off(std::string_view client_id, SteadyMs now_ms) const {
  if (seen_.empty()) return false;
  const auto at = seen_.find(hash64(client_id));
  return at != seen_.end() && now_ms < at->second.held_until_ms;
}

UserPlace& UserPlace::operator=(UserPlace&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  counts_ = std::exchange(other.counts_, nullptr);
  user_ = std::move(other.user_);
  return *this;
}

void UserPlace::give_back() {
  if (counts_ != nullptr) std::exchange(counts_, nullptr)->leave(user_);
}

bool UserCounts::enter(std::string_view user, UserPlace& place) {
  if (most_ == 0 || user.empty()) {
    place = UserPlace();
    place.user_ = user;
    return true;
  }
  Part& part = part_of(user);
  {
    const std::lock_guard lock(part.mutex);
    std::uint32_t& open = part.open[std::string(user)];
    if (open >= most_) return false;
    ++open;
  }
  UserPlace taken;
  taken.counts_ = this;
  taken.user_ = user;
  place = std::move(taken);
  return true;
}

void UserCounts::leave(const std::string& user) {
  Part& part = part_of(user);
  const std::lock_guard lock(part.mutex);
  const auto at = part.open.find(user);
  CHECK(at != part.open.end() && at->second > 0);
  if (--at->second == 0) part.open.erase(at);
}

}  // namespace roost::gates
