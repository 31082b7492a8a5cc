// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key: the answers of a while ago, for requests that come again under the same key. Of
// this process alone: another node, or this one after a restart, knows nothing of them.
// Thread: any thread.
// Owner: PublishApi.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/base/clock.h"
#include "broker/http/reply.h"

namespace roost::server {

struct KeptAnswersCounters {
  std::atomic<std::uint64_t> replays{0};    // answered without doing anything
  std::atomic<std::uint64_t> conflicts{0};  // same key, another request
  std::atomic<std::uint64_t> evicted{0};    // before their time
  std::atomic<std::uint64_t> refused{0};    // all keys belong to requests under way
  std::atomic<std::uint64_t> keys{0};       // now
};

class KeptAnswers {
 public:
  static constexpr std::size_t kKeyMax = 255;         // characters
  static constexpr std::size_t kBytesMax = 32 << 20;  // of all answers

  KeptAnswers(std::size_t keys_max, SteadyMs age_ms, const Clock& clock)
      : keys_max_(keys_max), age_ms_(age_ms), clock_(clock) {}

  using Fingerprint = std::array<unsigned char, 32>;
  // Of what makes two requests the same.
  static Fingerprint fingerprint(const http::Request& request);

  enum class Turn : std::uint8_t {
    yours,     // do it, and say finish() or forget() in the end
    answered,  // `reply` was answered, or will be when the first one is
  };
  Turn begin(const std::string& key, const Fingerprint& print, const http::Reply& reply);
  // Its time is over: who waits gets this; who comes before it is known in the end gets 409.
  void late(const std::string& key, const http::Response& response);
  // The first request's answer, which is everybody's from now on.
  void finish(const std::string& key, const http::Response& response);
  // ... is given to those who wait, and not kept: who comes later does it again.
  void forget(const std::string& key, const http::Response& response);

  const KeptAnswersCounters& counters() const { return counters_; }

 private:
  struct Entry {
    std::string key;
    Fingerprint print;
    bool is_done = false;
    bool is_late = false;
    http::Response response = {};
    SteadyMs until_ms = 0;             // once it is done
    std::vector<http::Reply> waiting;  // until it is done or late
  };
  using Entries = std::list<Entry>;

  void drop(Entries::iterator at);
  bool make_room();
  enum class End : std::uint8_t { late, keep, forget };
  void end(const std::string& key, const http::Response& response, End how);

  const std::size_t keys_max_;
  const SteadyMs age_ms_;
  const Clock& clock_;
  KeptAnswersCounters counters_;
  std::mutex mutex_;
  Entries entries_;  // guarded by mutex_, like all below; used longest ago in front
  std::unordered_map<std::string_view, Entries::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace roost::server
