// SPDX-License-Identifier: Apache-2.0
#include "broker/net/admission.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::net {

namespace {

constexpr std::int64_t kUsPerMs = 1000;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

// Whoever has an IPv6 network has 2^64 addresses in it: "2001:db8:1:2" of "2001:db8:1:2:3:4:5:6".
std::string key_of(std::string_view host) {
  constexpr int kGroupsKept = 4;
  if (host.find(':') == host.npos) return std::string(host);
  std::string key;
  int groups = 0;
  for (std::size_t at = 0; at < host.size() && groups < kGroupsKept;) {
    const std::size_t end = std::min(host.find(':', at), host.size());
    if (end == at && at > 0) break;  // "::": what follows up to the end is not of the first half
    key += host.substr(at, end - at);
    key += ':';
    ++groups;
    at = end + 1;
  }
  // Short forms such as "::1" have no long tail to cut off.
  return groups < kGroupsKept ? std::string(host) : key;
}

}  // namespace

Place& Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  admission_ = std::exchange(other.admission_, nullptr);
  address_ = std::move(other.address_);
  return *this;
}

void Place::give_back() {
  if (admission_ != nullptr) std::exchange(admission_, nullptr)->leave(address_.get());
  address_.reset();
}

SteadyMs Admission::wait_ms(SteadyMs now_ms) {
  if (limits_.connects_per_s == 0) return 0;
  const std::int64_t ahead_us =
      next_us_.load(std::memory_order_relaxed) + interval_us() - now_ms * kUsPerMs;
  if (ahead_us <= kUsPerS) return 0;
  count(counters_.delayed);
  return (ahead_us - kUsPerS) / kUsPerMs + 1;
}

void Admission::accepted(SteadyMs now_ms) {
  if (limits_.connects_per_s == 0) return;
  std::int64_t next_us = next_us_.load(std::memory_order_relaxed);
  while (!next_us_.compare_exchange_weak(
      next_us, std::max(next_us, now_ms * kUsPerMs) + interval_us(), std::memory_order_relaxed)) {
  }
}

Admission::Answer Admission::enter(std::string_view host, Place& place) {
  const std::uint32_t before = open_.fetch_add(1, std::memory_order_relaxed);
  Place taken;
  taken.admission_ = this;
  if (limits_.connections_max != 0 && before >= limits_.connections_max) {
    count(counters_.full);
    return Answer::full;
  }
  const Answer named = name(host, taken);
  if (named == Answer::yes) place = std::move(taken);
  return named;
}

Admission::Answer Admission::name(std::string_view host, Place& place) {
  CHECK(place.admission_ == this && place.address_ == nullptr);
  if (host.empty()) return Answer::yes;
  if (is_banned_ && is_banned_(host)) {
    count(counters_.banned);
    return Answer::banned;
  }
  if (limits_.connections_per_address_max == 0) return Answer::yes;
  auto key = std::make_unique<const std::string>(key_of(host));
  Part& part = part_of(*key);
  const std::lock_guard lock(part.mutex);
  std::uint32_t& open = part.open[*key];
  if (open >= limits_.connections_per_address_max) {
    count(counters_.address_full);
    return Answer::address_full;
  }
  ++open;
  place.address_ = std::move(key);
  return Answer::yes;
}

void Admission::leave(const std::string* address) {
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (address == nullptr) return;
  Part& part = part_of(*address);
  const std::lock_guard lock(part.mutex);
  const auto at = part.open.find(*address);
  CHECK(at != part.open.end() && at->second > 0);
  if (--at->second == 0) part.open.erase(at);
}

std::string_view to_text(Admission::Answer answer) {
  switch (answer) {
    case Admission::Answer::yes:
      return "let in";
    case Admission::Answer::full:
      return "limits.max_connections are open";
    case Admission::Answer::address_full:
      return "limits.max_connections_per_address are open from there";
    case Admission::Answer::banned:
      return "its address is banned";
  }
  return "";
}

}  // namespace roost::net
