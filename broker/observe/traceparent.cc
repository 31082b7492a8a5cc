// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/traceparent.h"

#include <cstddef>

#include "broker/mqtt/properties.h"

namespace roost::observe {

namespace {

constexpr std::string_view kName = "traceparent";
constexpr std::size_t kSize = 55;  // of version 00
constexpr std::uint64_t kSampled = 1;

// `digits` of them from the front of `text`; false: others stand there.
bool take_hex(std::string_view& text, std::size_t digits, std::uint64_t& value) {
  if (text.size() < digits) return false;
  value = 0;
  for (const char c : text.substr(0, digits)) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && (c < 'a' || c > 'f')) return false;
    value = value << 4 | static_cast<std::uint64_t>(is_digit ? c - '0' : c - 'a' + 10);
  }
  text.remove_prefix(digits);
  return true;
}

bool take_dash(std::string_view& text) {
  if (text.empty() || text.front() != '-') return false;
  text.remove_prefix(1);
  return true;
}

void append_hex(std::string& out, std::uint64_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[value >> shift & 15];
  }
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) {
  std::uint64_t version = 0, flags = 0;
  TraceParent parent;
  const bool is_sound = text.size() >= kSize && take_hex(text, 2, version) && take_dash(text) &&
                        take_hex(text, 16, parent.trace.high) &&
                        take_hex(text, 16, parent.trace.low) && take_dash(text) &&
                        take_hex(text, 16, parent.span) && take_dash(text) &&
                        take_hex(text, 2, flags);
  if (!is_sound || version == 0xff) return std::nullopt;
  if (!text.empty() && (version == 0 || text.front() != '-')) return std::nullopt;
  if (parent.trace == TraceId() || parent.span == 0) return std::nullopt;
  parent.is_sampled = (flags & kSampled) != 0;
  return parent;
}

std::string traceparent_text(const TraceParent& parent) {
  std::string text = "00-";
  append_hex(text, parent.trace.high, 16);
  append_hex(text, parent.trace.low, 16);
  text += '-';
  append_hex(text, parent.span, 16);
  return text + (parent.is_sampled ? "-01" : "-00");
}

std::optional<TraceParent> find_traceparent(ByteView forwarded) {
  std::optional<TraceParent> found;
  int count = 0;
  mqtt::each_user_property(forwarded, [&](std::string_view name, std::string_view value) {
    if (name != kName) return;
    if (count++ == 0) found = parse_traceparent(value);
  });
  return count == 1 ? found : std::nullopt;
}

}  // namespace roost::observe
