// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 requests to others (key sets, authentication services): connections are kept and used
// again, everything has a limit. Beast stays inside outbound.cc.
// Thread: any thread; answers come on its own thread, and should be quick there.
// Owner: the server; whoever sends stops before it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/auth/web_caller.h"
#include "broker/base/result.h"

namespace roost::http {

struct OutboundSettings {
  std::uint32_t connections_max = 8;  // to one origin (scheme, host and port)
  std::uint32_t origins_max = 16;     // ever
  std::uint32_t pending_max = 1000;   // requests without an answer; over it: resource_exhausted
  std::uint32_t connect_timeout_ms = 2000;
  std::uint32_t timeout_ms = 5000;             // from send() to the answer
  std::uint32_t idle_ms = 30'000;              // then a connection is closed
  std::uint32_t header_bytes_max = 16 * 1024;  // at most 32 KiB
  std::uint32_t body_bytes_max = 1024 * 1024;
  std::string ca_file = {};     // PEM; empty: the system's
  bool verifies_server = true;  // https: certificate and host name
};

struct OutboundCounters {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> answers{0};  // of any status
  std::atomic<std::uint64_t> failures{0};
  std::atomic<std::uint64_t> timeouts{0};  // part of failures
  std::atomic<std::uint64_t> refused{0};   // over pending_max; not in requests
  std::atomic<std::uint64_t> retries{0};   // a kept connection was closed by the other side
  std::atomic<std::uint64_t> connects{0};
  std::atomic<std::uint64_t> pending{0};  // gauge
};

class Outbound : public auth::WebCaller {
 public:
  // Starts its thread. Errors: invalid_argument (a limit, ca_file), not_found.
  static Result<std::unique_ptr<Outbound>> open(OutboundSettings settings);
  ~Outbound() override = default;  // stop()

  // A kept connection that turns out to be closed before anything of an answer came is replaced
  // once. No redirects. Error messages name the origin, never path, headers or bodies.
  void send(auth::WebRequest request, Done done) override = 0;

  // Answers all with unavailable and joins; idempotent. Not from an answer. A look-up of a name
  // that is under way is waited for.
  virtual void stop() = 0;
  virtual const OutboundCounters& counters() const = 0;
};

}  // namespace roost::http
