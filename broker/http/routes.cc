// SPDX-License-Identifier: Apache-2.0
#include "broker/http/routes.h"

#include <utility>

namespace roost::http {

namespace {

Handler probe_handler(Probe probe, const char* good) {
  return [probe = std::move(probe), good](const Request&) {
    const std::string why_not = probe();
    if (why_not.empty()) return Response{200, std::string(good) + "\n"};
    return Response{503, why_not + "\n"};
  };
}

}  // namespace

std::vector<Route> operator_routes(const observe::Metrics& metrics, Health health) {
  std::vector<Route> routes;
  routes.push_back({"GET", "/metrics",
                    [&metrics](const Request&) {
                      return Response{200, metrics.scrape(), observe::Metrics::kContentType};
                    },
                    true});
  routes.push_back({"GET", "/livez", probe_handler(std::move(health.live), "alive"), true});
  routes.push_back({"GET", "/readyz", probe_handler(std::move(health.ready), "ready"), true});
  return routes;
}

}  // namespace roost::http
