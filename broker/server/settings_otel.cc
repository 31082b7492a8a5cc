// SPDX-License-Identifier: Apache-2.0
// Rows of the table of settings: OpenTelemetry.
#include "broker/server/settings_rows.h"

namespace roost::server {

using Kind = ValueKind;

std::vector<Setting> otel_settings() {
  return {
      {"otel.endpoint", Kind::text, "", CONFIG_FIELD(otel.endpoint),
       "OpenTelemetry collector that spans are sent to by OTLP/HTTP (JSON): http:// or https:// "
       "address without /v1/traces, like http://otel-collector:4318. Empty: no spans. Messages "
       "with a sampled W3C traceparent among their user properties are followed from publish by "
       "commit to deliver."},
      {"otel.ca", Kind::file, "", CONFIG_FIELD(otel.ca_file),
       "PEM file with the authority of its certificate; empty: the system's."},
      {"otel.headers_file", Kind::file, "", CONFIG_FIELD(otel.headers_file),
       "File with headers for it, one \"Name: value\" a line, such as an API key; readable by the "
       "broker alone. Read for each request."},
      {"otel.service_name", Kind::text, "roost", CONFIG_FIELD(otel.service_name),
       "service.name of the spans; service.instance.id is node.name."},
      {"otel.sample", Kind::text, "0", CONFIG_FIELD(otel.sample),
       "Which part of the messages without a traceparent begins a trace of its own, from 0 to 1; "
       "the same on all nodes."},
      {"otel.rate_max", Kind::number, "1000", CONFIG_FIELD(otel.rate_max),
       "Spans of this node in a second; over it they are dropped and counted. 0: no limit.",
       range(0, kAny32)},
      {"otel.max_queued", Kind::number, "10000", CONFIG_FIELD(otel.max_queued),
       "Spans waiting while the collector is away; over it new ones are dropped and counted. One "
       "takes 0.3 to 2.5 kB of memory.",
       range(512, 1'000'000)},
      {"otel.interval", Kind::duration_ms, "1s", CONFIG_FIELD(otel.interval_ms),
       "How often they are sent, 512 at once, and sooner where so many wait.", range(100, 60'000)},
  };
}

}  // namespace roost::server
