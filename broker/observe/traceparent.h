// SPDX-License-Identifier: Apache-2.0
// W3C trace context: what a publisher says about the trace that its message is part of, in the
// MQTT 5 user property `traceparent`. https://www.w3.org/TR/trace-context/
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/bytes.h"

namespace roost::observe {

struct TraceId {
  std::uint64_t high = 0, low = 0;  // not both 0

  friend bool operator==(const TraceId&, const TraceId&) = default;
};

struct TraceParent {
  TraceId trace;
  std::uint64_t span = 0;  // the sender's; not 0
  bool is_sampled = false;

  friend bool operator==(const TraceParent&, const TraceParent&) = default;
};

// "00-<32 digits>-<16 digits>-<2 digits>", in lower case. Of a version above 00 more may follow
// behind another dash; version ff is none.
std::optional<TraceParent> parse_traceparent(std::string_view text);
// As version 00.
std::string traceparent_text(const TraceParent& parent);

// The one of a message, of what it forwards (mqtt::append_forwarded). None where there are several:
// nobody knows which one is meant.
std::optional<TraceParent> find_traceparent(ByteView forwarded);

}  // namespace roost::observe
