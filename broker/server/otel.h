// SPDX-License-Identifier: Apache-2.0
// OpenTelemetry: where a node's spans come from and go to, as far as otel.endpoint says so.
// Thread: made and destroyed by the owner's thread; its spans are the cores'.
// Owner: Server.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "broker/http/outbound.h"
#include "broker/observe/metrics.h"
#include "broker/server/config.h"
#include "broker/server/core_spans.h"
#include "broker/server/otel_check.h"
#include "broker/server/span_export.h"

namespace roost::server {

struct Node;

class Otel {
 public:
  // Does nothing where otel.endpoint is empty. Before the cores run. Errors: invalid_argument, and
  // those of the files. `node` must outlive it.
  static Result<std::unique_ptr<Otel>> open(Node& node);
  ~Otel();

  void start();
  // The cores have ended: sends what is left, for 2 s at most.
  void stop();
  void add_metrics(observe::Metrics& metrics) const;

 private:
  Otel(Node& node, std::uint64_t sampled, std::unique_ptr<http::Outbound> outbound);

  Node& node_;
  std::unique_ptr<http::Outbound> outbound_;  // null: it is off
  observe::SpanQueue queue_;
  std::vector<std::unique_ptr<CoreSpans>> spans_;  // by core
  SpanExport export_;
  std::optional<SpanExporter> exporter_;  // none: it is off
};

}  // namespace roost::server
