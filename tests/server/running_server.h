// SPDX-License-Identifier: Apache-2.0
// A real Server in this process, on free loopback ports.
// Thread: the test's.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/server/server.h"
#include "tests/support/vector_log.h"

namespace roost::server {

using Overrides = std::vector<std::pair<std::string, std::string>>;

// Defaults, three cores, one listener on a free port of loopback, no HTTP, no $SYS; then `more`.
Config test_config(const Overrides& more = {});

// A TCP port of loopback that was free a moment ago, for what can't listen on port 0.
std::uint16_t free_port();

struct RunningServer {
  // Aborts when it can't open.
  explicit RunningServer(const Config& config = test_config());

  std::uint16_t port() const { return server->port(0); }
  // GET of the HTTP server; all of the answer.
  std::string get(std::string_view path) const;
  // The value of a line of /metrics, e.g. `roost_wills_total` or `name{label="x"}`; -1: no such.
  double metric(std::string_view series) const;
  // Waits until the metric has this value; false after half a minute.
  bool metric_becomes(std::string_view series, double value) const;

  support::VectorLog log;
  std::unique_ptr<Server> server;
};

}  // namespace roost::server
