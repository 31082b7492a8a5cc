// SPDX-License-Identifier: Apache-2.0
#include "broker/server/otel.h"

#include <atomic>
#include <random>

#include "broker/http/web_url.h"
#include "broker/server/node.h"
#include "broker/server/version.h"

namespace roost::server {

namespace {

constexpr SteadyMs kStopMs = 2000;
constexpr std::uint32_t kTimeoutMs = 10'000;

SpanExportSettings export_settings(const Config& config) {
  SpanExportSettings settings;
  settings.interval_ms = static_cast<SteadyMs>(config.otel.interval_ms);
  settings.resource = {config.otel.service_name, config.node.name, version()};
  if (const auto url = http::parse_web_url(config.otel.endpoint)) settings.origin = url->origin();
  return settings;
}

std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

std::string traces_url(std::string endpoint) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint + "/v1/traces";
}

struct OtelRow {
  const char* outcome;
  std::atomic<std::uint64_t> observe::SpanCounters::*counter;
};
using C = observe::SpanCounters;
constexpr OtelRow kOutcomes[] = {
    {"exported", &C::exported},   {"over_rate", &C::over_rate}, {"queue_full", &C::queue_full},
    {"fan_out", &C::fan_out},     {"refused", &C::refused},     {"unfinished", &C::unfinished},
    {"left_at_stop", &C::at_end},
};

}  // namespace

Result<std::unique_ptr<Otel>> Otel::open(Node& node) {
  const OtelConfig& config = node.config.otel;
  const auto sampled = parse_fraction(config.sample);
  if (!sampled) return Unexpected(sampled.error());
  std::unique_ptr<http::Outbound> outbound;
  if (config.is_on()) {
    const auto headers = read_headers(config.headers_file);
    if (!headers) return Unexpected(headers.error());
    http::OutboundSettings settings;
    settings.connections_max = 1;
    settings.timeout_ms = kTimeoutMs;
    settings.ca_file = config.ca_file;
    auto opened = http::Outbound::open(settings);
    if (!opened) return Unexpected(opened.error());
    outbound = *std::move(opened);
  }
  return std::unique_ptr<Otel>(new Otel(node, *sampled, std::move(outbound)));
}

Otel::Otel(Node& node, std::uint64_t sampled, std::unique_ptr<http::Outbound> outbound)
    : node_(node),
      outbound_(std::move(outbound)),
      queue_(node.config.otel.max_queued, node.config.otel.rate_max),
      export_(export_settings(node.config), queue_, node.log, random_seed()) {
  if (outbound_ == nullptr) return;
  exporter_.emplace(export_, *outbound_, node.clock, traces_url(node.config.otel.endpoint),
                    [file = node.config.otel.headers_file] { return read_headers(file); });
  for (const auto& core : node.on_core) {
    spans_.push_back(std::make_unique<CoreSpans>(queue_, node.clock, sampled, node.config.shards,
                                                 random_seed()));
    core->sessions.use(static_cast<session::Spans*>(spans_.back().get()));
  }
}

Otel::~Otel() {
  stop();
  for (const auto& core : node_.on_core) core->sessions.use(static_cast<session::Spans*>(nullptr));
}

void Otel::start() {
  if (exporter_) exporter_->start();
}

void Otel::stop() {
  if (!exporter_) return;
  exporter_->stop(kStopMs);
  outbound_->stop();
}

void Otel::add_metrics(observe::Metrics& metrics) const {
  const observe::SpanCounters& counters = queue_.counters();
  for (const OtelRow& row : kOutcomes) {
    metrics.add_counter("roost_otel_spans_total",
                        "Spans of followed messages, by what became of them: exported, or lost for "
                        "otel.rate_max, for a full queue, as more than 16 deliveries of one "
                        "message on a core, as more than 1024 publishes waited for their ack, "
                        "refused by the collector, left when the node stopped.",
                        [&counters, counter = row.counter] {
                          return static_cast<double>((counters.*counter).load());
                        },
                        {{"outcome", row.outcome}});
  }
  metrics.add_gauge("roost_otel_spans_queued", "Spans that wait for their export.",
                    [this] { return static_cast<double>(queue_.size()); });
  metrics.add_counter("roost_otel_requests_total", "Requests to the collector.",
                      [&counters] { return static_cast<double>(counters.requests.load()); });
  metrics.add_counter("roost_otel_request_failures_total",
                      "Requests that the collector refused, or had no answer to.",
                      [&counters] { return static_cast<double>(counters.failures.load()); });
}

}  // namespace roost::server
