// SPDX-License-Identifier: Apache-2.0
// Fetches a key set from its URL at the start, at every interval, and sooner when a token names an
// unknown key. While the set's server is away the old keys serve on, for a stated time.
// Thread: any thread; fetches on one of its own, which sleeps between.
// Owner: the server; after the caller and the receiver of keys, before them in the order of going.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/auth/jwks.h"
#include "broker/auth/web_caller.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"

namespace roost::auth {

// Between two fetches, whatever happens: strangers can name unknown keys as often as they like.
inline constexpr SteadyMs kJwksPauseMs = 10'000;

struct JwksKeeperSettings {
  std::string url;
  std::uint32_t refresh_s = 300;
  std::uint32_t keys_max_age_s = 86'400;  // after the last success no token is accepted
};

struct JwksCounters {
  std::atomic<std::uint64_t> fetches{0};
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> hurried{0};  // fetches for an unknown key
};

class JwksKeeper {
 public:
  // Takes keys that serve until a steady time: JwtAuthenticator::use_keys.
  using Receiver = std::function<void(JwtKeysPtr keys, SteadyMs valid_until_ms)>;

  // `receiver` is called on the caller's thread, never after stop().
  JwksKeeper(JwksKeeperSettings settings, WebCaller& caller, Receiver receiver, const Clock& clock,
             Log& log);
  ~JwksKeeper();  // stop()

  void start();
  void stop();  // idempotent
  // A token named an unknown key: fetch as soon as kJwksPauseMs allows. Cheap, any thread.
  void hurry();

  // What the thread does, for tests without it: fetches where it is time. Returns how long
  // nothing is to be done.
  SteadyMs step();

  const JwksCounters& counters() const;
  // Since the last success; nothing: there was none.
  std::optional<SteadyMs> age_ms() const;

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // answers may come late
};

}  // namespace roost::auth
