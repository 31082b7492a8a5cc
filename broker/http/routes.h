// SPDX-License-Identifier: Apache-2.0
// The routes that are open to all: /metrics, /livez, /readyz.
// Thread: handlers run on the HTTP server's thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "broker/http/server.h"
#include "broker/observe/metrics.h"

namespace roost::http {

// Empty: yes. Else why not, in a few words, for the one who reads the probe's answer.
using Probe = std::function<std::string()>;

struct Health {
  Probe live;   // /livez: 503 asks to be restarted
  Probe ready;  // /readyz: 503 asks for no new clients
};

// `metrics` must outlive the server.
std::vector<Route> operator_routes(const observe::Metrics& metrics, Health health);

}  // namespace roost::http
