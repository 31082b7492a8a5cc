// SPDX-License-Identifier: Apache-2.0
// Who may ask for what over TCP: Host and Origin of every request, token or client certificate for
// routes that aren't open. The Unix socket has no guard: its mode is its lock.
// Thread: check, admit on the HTTP server's thread; reload on another.
// Owner: the server; outlives the http::Server.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/result.h"
#include "broker/http/attempts.h"
#include "broker/http/server.h"
#include "broker/http/tokens.h"

namespace roost::http {

struct GuardSettings {
  std::string address;     // of the listener, a Host that is right
  std::string token_file;  // empty: none
  std::string token;       // one more; empty: none
  // Names without port. localhost and addresses are right always.
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;  // "https://console.example"
  bool takes_certificates = false;           // of clients, checked by TLS
};

struct GuardCounters {
  std::atomic<std::uint64_t> no_token{0};        // 401
  std::atomic<std::uint64_t> wrong_token{0};     // 401
  std::atomic<std::uint64_t> closed{0};          // 403: no way in is configured
  std::atomic<std::uint64_t> wrong_origin{0};    // 403
  std::atomic<std::uint64_t> wrong_host{0};      // 421
  std::atomic<std::uint64_t> too_many_wrong{0};  // 429
};

class Guard {
 public:
  // Errors: of the token file, with its line.
  static Result<std::unique_ptr<Guard>> open(GuardSettings settings, const Clock& clock);

  // Nothing: go on. `is_open`: the route asks for no token.
  std::optional<Response> check(const Request& request, bool is_open);

  // Reads the token file again; on an error the old tokens go on.
  Result<void> reload();

  const GuardCounters& counters() const { return counters_; }

 private:
  Guard(GuardSettings settings, const Clock& clock);

  std::optional<Response> check_host(const Request& request, bool is_open);
  std::optional<Response> check_origin(const Request& request);
  std::optional<Response> check_token(const Request& request);
  bool is_host_right(std::string_view authority) const;
  Result<void> load();

  const GuardSettings settings_;
  const bool is_loopback_;
  const Clock& clock_;
  GuardCounters counters_;
  Attempts attempts_;  // the HTTP server's thread
  std::mutex mutex_;
  std::shared_ptr<const Tokens> tokens_;  // guarded by mutex_; never null once open
};

// What clients of other machines can't reach; an address as http.address has it.
bool is_loopback(std::string_view address);
// Of "name:8080", "[::1]:8080", "name.": the name, in small letters. Empty: no authority.
std::string host_of(std::string_view authority);

}  // namespace roost::http
