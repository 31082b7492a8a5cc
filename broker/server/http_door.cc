// SPDX-License-Identifier: Apache-2.0
#include "broker/server/http_door.h"

#include <string>
#include <tuple>
#include <utility>

#include "broker/net/settings.h"
#include "broker/server/settings_value.h"

namespace roost::server {

namespace {

http::GuardSettings guard_settings(const HttpConfig& config) {
  http::GuardSettings settings;
  settings.address = config.address;
  settings.token_file = config.token_file;
  settings.token = config.token;
  settings.allowed_hosts = split_list(config.allowed_hosts);
  settings.allowed_origins = split_list(config.allowed_origins);
  settings.takes_certificates = config.tls.is_on() && !config.tls.ca_file.empty();
  return settings;
}

std::shared_ptr<const net::TlsSettings> tls_settings(const ClusterTlsConfig& config) {
  if (!config.is_on()) return nullptr;
  auto settings = std::make_shared<net::TlsSettings>();
  settings->certificate_file = config.certificate_file;
  settings->key_file = config.key_file;
  settings->ca_file = config.ca_file;
  // Optional: /metrics is open, and a token will do.
  if (!config.ca_file.empty()) settings->client_certificate = net::ClientCertificate::optional;
  return settings;
}

}  // namespace

Result<std::unique_ptr<HttpDoor>> HttpDoor::open(const HttpConfig& config, const Clock& clock,
                                                 std::vector<http::Route> routes) {
  std::unique_ptr<HttpDoor> door(new HttpDoor(config));
  auto guard = http::Guard::open(guard_settings(config), clock);
  if (!guard) return Unexpected(guard.error());
  door->guard_ = *std::move(guard);
  http::Settings settings;
  settings.address = config.address;
  settings.port = config.port;
  settings.json_errors = true;
  settings.max_connections = config.max_connections;
  settings.max_streams = config.max_streams;
  settings.body_bytes_max = config.max_body;
  settings.workers = config.threads;
  settings.guard = door->guard_.get();
  settings.tls = tls_settings(config.tls);
  auto server = http::Server::open(settings, std::move(routes));
  if (!server) return Unexpected(server.error());
  door->server_ = *std::move(server);
  return door;
}

void HttpDoor::add_metrics(observe::Metrics& metrics) const {
  const http::ServerCounters& server = server_->counters();
  using S = http::ServerCounters;
  const std::tuple<const char*, const char*, std::atomic<std::uint64_t> S::*> counters[] = {
      {"roost_http_requests_total", "HTTP requests answered.", &S::requests},
      {"roost_http_refused_connections_total", "HTTP connections over http.max_connections.",
       &S::refused},
      {"roost_http_evicted_connections_total",
       "HTTP connections that sent no request and made room for others.", &S::evicted},
      {"roost_http_refused_slow_requests_total",
       "HTTP requests refused while too many were under way.", &S::refused_slow},
      {"roost_http_refused_streams_total", "Event streams over http.max_streams.",
       &S::refused_streams},
      {"roost_http_slow_readers_total", "Event streams ended because nobody read them.",
       &S::slow_readers},
  };
  const auto number = [&server](std::atomic<std::uint64_t> S::*member) {
    return [&server, member] { return static_cast<double>((server.*member).load()); };
  };
  for (const auto& [name, help, member] : counters) {
    metrics.add_counter(name, help, number(member));
  }
  metrics.add_gauge("roost_http_streams_open", "Event streams open now.", number(&S::streams));
  using C = http::GuardCounters;
  const std::pair<const char*, std::atomic<std::uint64_t> C::*> reasons[] = {
      {"no_token", &C::no_token},     {"wrong_token", &C::wrong_token},
      {"closed", &C::closed},         {"wrong_origin", &C::wrong_origin},
      {"wrong_host", &C::wrong_host}, {"too_many_wrong", &C::too_many_wrong},
  };
  for (const auto& [reason, counter] : reasons) {
    metrics.add_counter("roost_http_refused_requests_total",
                        "HTTP requests answered 401 (no_token, wrong_token), 403 (closed, "
                        "wrong_origin), 421 (wrong_host) and 429 (too_many_wrong).",
                        [&counters = guard_->counters(), member = counter] {
                          return static_cast<double>((counters.*member).load());
                        },
                        {{"reason", reason}});
  }
}

std::vector<Reloadable> HttpDoor::reloadables() {
  std::vector<Reloadable> all;
  if (!config_.token_file.empty()) {
    all.push_back({"the tokens in " + config_.token_file, {config_.token_file}, [this] {
                     return guard_->reload();
                   }});
  }
  if (config_.tls.is_on()) {
    Reloadable tls{"TLS of HTTP", {}, [this] { return server_->reload_tls(); }};
    for (const std::string& file :
         {config_.tls.certificate_file, config_.tls.key_file, config_.tls.ca_file}) {
      if (!file.empty()) tls.files.push_back(file);
    }
    all.push_back(std::move(tls));
  }
  return all;
}

}  // namespace roost::server
