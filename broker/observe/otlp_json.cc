// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/otlp_json.h"

#include <cstdint>
#include <cstdio>

namespace roost::observe {

namespace {

constexpr int kStatusError = 2;  // OTLP's Status.StatusCode

void append_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_id(std::string& out, std::uint64_t id) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[id >> shift & 15];
}

// The members of "attributes":[...].
class Attributes {
 public:
  explicit Attributes(std::string& out) : out_(out) { out_ += "\"attributes\":["; }
  void text(std::string_view key, std::string_view value) {
    begin(key);
    out_ += "{\"stringValue\":";
    append_text(out_, value);
    out_ += "}}";
  }
  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    out_ += "{\"intValue\":\"" + std::to_string(value) + "\"}}";
  }
  void flag(std::string_view key, bool value) {
    begin(key);
    out_ += std::string("{\"boolValue\":") + (value ? "true" : "false") + "}}";
  }
  void end() { out_ += ']'; }

 private:
  void begin(std::string_view key) {
    if (!is_first_) out_ += ',';
    is_first_ = false;
    out_ += "{\"key\":";
    append_text(out_, key);
    out_ += ",\"value\":";
  }

  std::string& out_;
  bool is_first_ = true;
};

void append_attributes(std::string& out, const SpanResource& resource, const Span& span) {
  Attributes attributes(out);
  attributes.text("messaging.system", "mqtt");
  attributes.text("messaging.operation.name", span.name);
  attributes.text("messaging.destination.name", span.topic);
  if (!span.client_id.empty()) attributes.text("messaging.client.id", span.client_id);
  attributes.number("messaging.message.body.size", span.body_bytes);
  attributes.number("mqtt.qos", span.qos);
  attributes.flag("mqtt.retain", span.retain);
  if (span.dup) attributes.flag("mqtt.dup", true);
  attributes.text("roost.node", resource.instance);
  if (span.shard) attributes.number("roost.shard", *span.shard);
  if (!span.fault.empty()) {
    attributes.text("error.type", span.fault);
    if (span.reason != 0) attributes.number("mqtt.reason_code", span.reason);
  }
  attributes.end();
}

void append_span(std::string& out, const SpanResource& resource, const Span& span) {
  out += "{\"traceId\":\"";
  append_id(out, span.trace.high);
  append_id(out, span.trace.low);
  out += "\",\"spanId\":\"";
  append_id(out, span.id);
  if (span.parent != 0) {
    out += "\",\"parentSpanId\":\"";
    append_id(out, span.parent);
  }
  out += "\",\"name\":";
  append_text(out, span.name);
  out += ",\"kind\":" + std::to_string(static_cast<int>(span.kind));
  out += ",\"startTimeUnixNano\":\"" + std::to_string(span.start_ns);
  out += "\",\"endTimeUnixNano\":\"" + std::to_string(span.end_ns) + "\",";
  append_attributes(out, resource, span);
  out += ",\"status\":{";
  if (!span.fault.empty()) {
    out += "\"code\":" + std::to_string(kStatusError) + ",\"message\":";
    append_text(out, span.fault);
  }
  out += "}}";
}

}  // namespace

std::string cut_text(std::string_view text) {
  if (text.size() <= kSpanTextMax) return std::string(text);
  std::size_t size = kSpanTextMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return std::string(text.substr(0, size));
}

std::string otlp_json(const SpanResource& resource, std::span<const Span> spans) {
  std::string out = "{\"resourceSpans\":[{\"resource\":{";
  Attributes attributes(out);
  attributes.text("service.name", resource.service);
  attributes.text("service.instance.id", resource.instance);
  attributes.text("service.version", resource.version);
  attributes.end();
  out += "},\"scopeSpans\":[{\"scope\":{\"name\":\"roost\",\"version\":";
  append_text(out, resource.version);
  out += "},\"spans\":[";
  bool is_first = true;
  for (const Span& span : spans) {
    if (!is_first) out += ',';
    is_first = false;
    append_span(out, resource, span);
  }
  return out + "]}]}]}";
}

}  // namespace roost::observe
