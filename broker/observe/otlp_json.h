// SPDX-License-Identifier: Apache-2.0
// Spans as OTLP/HTTP's JSON: ExportTraceServiceRequest, ids in hex, 64-bit numbers as decimal
// strings, enums as numbers. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
// Thread: any thread (pure).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "broker/observe/span.h"

namespace roost::observe {

// Longest topic or client id in a span.
inline constexpr std::size_t kSpanTextMax = 1024;

// Who exports.
struct SpanResource {
  std::string service;   // service.name
  std::string instance;  // service.instance.id: the node
  std::string version;   // service.version
};

// Of valid UTF-8 not more than kSpanTextMax bytes, still valid.
std::string cut_text(std::string_view text);

// One request. Requires: texts are valid UTF-8.
std::string otlp_json(const SpanResource& resource, std::span<const Span> spans);

}  // namespace roost::observe
