// SPDX-License-Identifier: Apache-2.0
// HTTP over TCP as the settings say: open routes to all, the API behind its guard.
// Thread: open, start, stop, reload from one thread.
// Owner: Server.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/http/guard.h"
#include "broker/http/server.h"
#include "broker/observe/metrics.h"
#include "broker/server/node_auth.h"

namespace roost::server {

class HttpDoor {
 public:
  // `routes`: open and closed ones. Errors: of address, certificate and tokens. `config` and
  // `clock` must outlive it.
  static Result<std::unique_ptr<HttpDoor>> open(const HttpConfig& config, const Clock& clock,
                                                std::vector<http::Route> routes);

  void start() { server_->start(); }
  void stop() { server_->stop(); }
  std::uint16_t port() const { return server_->port(); }
  void add_metrics(observe::Metrics& metrics) const;
  // Tokens and certificates, where they are files.
  std::vector<Reloadable> reloadables();

 private:
  explicit HttpDoor(const HttpConfig& config) : config_(config) {}

  const HttpConfig& config_;
  std::unique_ptr<http::Guard> guard_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace roost::server
