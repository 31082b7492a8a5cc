// SPDX-License-Identifier: Apache-2.0
// A step of a message's way, as OpenTelemetry wants it told.
// Thread: any thread (a value).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/observe/traceparent.h"

namespace roost::observe {

struct Span {
  // The numbers are OTLP's Span.SpanKind.
  enum class Kind : std::uint8_t { internal = 1, server = 2, producer = 4 };

  TraceId trace;
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  // 0: the trace begins here
  Kind kind = Kind::internal;
  const char* name = "";                  // a literal: "publish"
  std::int64_t start_ns = 0, end_ns = 0;  // since 1970
  std::string topic, client_id;           // cut_text()
  std::uint64_t body_bytes = 0;
  std::uint8_t qos = 0;
  bool retain = false, dup = false;
  std::optional<std::uint16_t> shard;  // of the session, where it is durable
  std::string fault;                   // empty: it went well
  std::uint8_t reason = 0;             // MQTT's reason code, with a fault; 0: none
};

}  // namespace roost::observe
