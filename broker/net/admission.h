// SPDX-License-Identifier: Apache-2.0
// Who may come at all: how many connections there are, of one address too, how many may come in a
// second, and which addresses are banned. Asked when a connection is accepted, before anything is
// read of it, TLS included; behind a PROXY header about the address as soon as that is named.
// Thread: any thread.
// Owner: the node; outlives all connections that it let in.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/base/clock.h"
#include "broker/base/counter.h"
#include "broker/base/hash.h"

namespace roost::net {

struct AdmissionLimits {
  std::uint32_t connections_max = 0;              // 0: no limit, as in the next
  std::uint32_t connections_per_address_max = 0;  // an IPv6 /64 counts as one address
  std::uint32_t connects_per_s = 0;               // a second's worth may come at once
};

struct AdmissionCounters {
  std::atomic<std::uint64_t> full{0}, address_full{0}, banned{0};
  std::atomic<std::uint64_t> delayed{0};  // times that accepting waited for connects_per_s
};

class Admission;

// A connection's place; given back when this ends.
class Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept { *this = std::move(other); }
  Place& operator=(Place&& other) noexcept;
  ~Place() { give_back(); }

 private:
  friend class Admission;
  void give_back();

  Admission* admission_ = nullptr;
  std::unique_ptr<const std::string> address_;  // where addresses are counted
};

class Admission {
 public:
  enum class Answer : std::uint8_t { yes, full, address_full, banned };
  using IsBanned = std::function<bool(std::string_view host)>;

  // `is_banned`: any thread; may be null.
  explicit Admission(const AdmissionLimits& limits, IsBanned is_banned = nullptr)
      : limits_(limits), is_banned_(std::move(is_banned)) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // 0: one more may be accepted now; else how long accepting should wait.
  SteadyMs wait_ms(SteadyMs now_ms);
  // One was.
  void accepted(SteadyMs now_ms);
  // Takes a place. `host`: without port; empty: not known yet, or a Unix socket.
  [[nodiscard]] Answer enter(std::string_view host, Place& place);
  // Its address is known now. Where the answer is no the place is still to be given back.
  [[nodiscard]] Answer name(std::string_view host, Place& place);

  std::uint32_t connections() const { return open_.load(std::memory_order_relaxed); }
  const AdmissionLimits& limits() const { return limits_; }
  const AdmissionCounters& counters() const { return counters_; }

 private:
  friend class Place;
  static constexpr std::int64_t kUsPerS = 1'000'000;
  static constexpr std::size_t kParts = 16;  // so that cores seldom meet
  struct alignas(64) Part {
    std::mutex mutex;
    std::unordered_map<std::string, std::uint32_t> open;  // by address; guarded by mutex
  };
  Part& part_of(std::string_view key) { return parts_[hash64(key) % kParts]; }
  void leave(const std::string* address);
  std::int64_t interval_us() const { return kUsPerS / limits_.connects_per_s; }

  const AdmissionLimits limits_;
  const IsBanned is_banned_;
  AdmissionCounters counters_;
  std::atomic<std::uint32_t> open_{0};
  std::atomic<std::int64_t> next_us_{0};  // when the next connect would be in time (GCRA)
  std::array<Part, kParts> parts_;
};

// What an operator reads: "max_connections are open".
std::string_view to_text(Admission::Answer answer);

}  // namespace roost::net
