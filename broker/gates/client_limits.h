// SPDX-License-Identifier: Apache-2.0
// What one client, or one user, may take of a node: messages and bytes a second, connections, and
// how often it may come back. 0 is no limit everywhere.
// Thread: ClientLimits immutable, PublishRate and LossRate core-bound, UserCounts any thread.
// Owner: GatesCommon, gates, links.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/base/clock.h"
#include "broker/base/hash.h"

namespace roost::gates {

struct ClientLimits {
  std::uint32_t messages_per_s = 0;  // PUBLISHes; a second's worth may come at once
  std::uint64_t bytes_per_s = 0;     // of them
  bool disconnects = false;          // over it: 0x96; else it isn't read until it is in time
  std::uint32_t connections_per_user_max = 0;
  // A client id that loses more connections than that within the window is held off.
  std::uint32_t losses_max = 0;
  SteadyMs losses_window_ms = 60'000;
  SteadyMs losses_hold_ms = 60'000;

  bool has_rate() const { return messages_per_s != 0 || bytes_per_s != 0; }
};

// One client's PUBLISHes (generic cell rate algorithm: no bucket has to be filled by a timer).
class PublishRate {
 public:
  explicit PublishRate(const ClientLimits& limits) : limits_(limits) {}

  // One more of that size. False: it was over, and the next is in time at ready_ms().
  bool take(std::size_t bytes, SteadyMs now_ms);
  SteadyMs ready_ms() const { return ready_ms_; }

 private:
  static constexpr std::int64_t kNsPerMs = 1'000'000;
  static constexpr std::int64_t kNsPerS = 1'000'000'000;

  const ClientLimits& limits_;
  std::int64_t messages_ns_ = 0, bytes_ns_ = 0;  // when what came would be in time
  SteadyMs ready_ms_ = 0;
};

// How often connections of a client id end without a DISCONNECT: a takeover war, or a device that
// crashes for ever. For the client ids of one core.
class LossRate {
 public:
  explicit LossRate(const ClientLimits& limits) : limits_(limits) {}

  // One more did; over the limit it is held off from now on.
  void add(std::string_view client_id, SteadyMs now_ms);
  bool is_held_off(std::string_view client_id, SteadyMs now_ms) const;
  std::size_t size() const { return seen_.size(); }
  // visit(client id, losses in the present window, how long it is held off yet) of all that lost
  // more than one within it.
  template <typename Visit>
  void for_each(SteadyMs now_ms, Visit&& visit) const {
    for (const auto& [hash, seen] : seen_) {
      const bool is_held = now_ms < seen.held_until_ms;
      if (seen.client_id.empty() || is_over(seen, now_ms)) continue;
      visit(seen.client_id, is_held ? limits_.losses_max + 1 : seen.count,
            is_held ? seen.held_until_ms - now_ms : 0);
    }
  }

 private:
  static constexpr std::size_t kSeenMax = 65'536;  // then those whose time is over are forgotten
  struct Seen {
    SteadyMs since_ms = 0;
    SteadyMs held_until_ms = 0;
    std::uint32_t count = 0;
    std::string client_id;  // from the second one on
  };
  bool is_over(const Seen& seen, SteadyMs now_ms) const;

  const ClientLimits& limits_;
  std::unordered_map<std::uint64_t, Seen> seen_;  // by hash of the client id
};

class UserCounts;

// One of a user's connections; given back when this ends.
class UserPlace {
 public:
  UserPlace() = default;
  UserPlace(UserPlace&& other) noexcept { *this = std::move(other); }
  UserPlace& operator=(UserPlace&& other) noexcept;
  ~UserPlace() { give_back(); }

  const std::string& user() const { return user_; }

 private:
  friend class UserCounts;
  void give_back();

  UserCounts* counts_ = nullptr;
  std::string user_;
};

// Outlives all places.
class UserCounts {
 public:
  explicit UserCounts(std::uint32_t most) : most_(most) {}

  // False: that user has as many as it may. Who has no name isn't counted. The place knows the name
  // in any case.
  [[nodiscard]] bool enter(std::string_view user, UserPlace& place);

 private:
  friend class UserPlace;
  static constexpr std::size_t kParts = 16;
  struct alignas(64) Part {
    std::mutex mutex;
    std::unordered_map<std::string, std::uint32_t> open;  // guarded by mutex
  };
  Part& part_of(std::string_view user) { return parts_[hash64(user) % kParts]; }
  void leave(const std::string& user);

  const std::uint32_t most_;
  std::array<Part, kParts> parts_;
};

}  // namespace roost::gates
