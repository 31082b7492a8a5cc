// SPDX-License-Identifier: Apache-2.0
// Asks a service over HTTP who may connect. Answers are remembered for a moment, and a question
// that is under way is not asked twice.
// Thread: any thread; answers come at once or on the web caller's thread.
// Owner: the server; stop() before the web caller's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/auth/authenticator.h"
#include "broker/auth/web_caller.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"

namespace roost::auth {

// Away: no answer in time, a status other than 200, or not the JSON that was agreed on.
enum class WhenAway : std::uint8_t {
  refuse,  // 0x88 server unavailable
  ignore,  // the next authenticator may know the client
};

struct HttpAuthSettings {
  std::string url = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // e.g. Authorization
  WhenAway when_away = WhenAway::refuse;
  std::uint32_t cache_ttl_s = 60;             // of "allow"; 0: asked each time
  std::uint32_t deny_ttl_s = 5;               // of "deny" and "ignore"
  std::uint32_t cache_entries_max = 100'000;  // of each kind; the oldest goes
  std::uint32_t max_pending = 10'000;         // clients that wait; over it: 0x89 server busy
};

struct HttpAuthCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> denied{0};
  std::atomic<std::uint64_t> ignored{0};
  std::atomic<std::uint64_t> away{0};  // clients that got no answer of the service's
  std::atomic<std::uint64_t> refused_busy{0};
  std::atomic<std::uint64_t> questions{0};  // requests sent
  std::atomic<std::uint64_t> cache_hits{0};
  std::atomic<std::uint64_t> shared{0};   // waited for a question that was under way
  std::atomic<std::uint64_t> pending{0};  // gauge: clients that wait
};

class HttpAuthenticator final : public Authenticator {
 public:
  HttpAuthenticator(HttpAuthSettings settings, WebCaller& caller, const Clock& clock, Log& log);
  ~HttpAuthenticator() override;  // stop()

  void authenticate(AuthRequest request, Answer answer) override;
  // Forgets the answers it remembers, e.g. when the configuration is read again.
  void forget();
  // Answers all that waits with 0x8B; later requests get 0x8B at once.
  void stop();

  const HttpAuthCounters& counters() const;

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // answers may come late
};

}  // namespace roost::auth
