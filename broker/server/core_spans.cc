// SPDX-License-Identifier: Apache-2.0
#include "broker/server/core_spans.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "broker/base/hash.h"
#include "broker/base/ids.h"
#include "broker/mqtt/reason_code.h"
#include "broker/observe/otlp_json.h"
#include "broker/session/queue_entry.h"

namespace roost::server {

namespace {

using observe::Span;
using observe::TraceParent;

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ULL;  // splitmix64's step
constexpr std::int64_t kMsNs = 1'000'000;
constexpr std::size_t kPayloadRead = 64;  // of a message without a traceparent
// Of what an own trace's id is made of, so that its halves and the choice differ.
constexpr std::uint64_t kHighSalt = 1, kLowSalt = 2, kChoiceSalt = 3;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t more) { return mix64((hash ^ more) + kOdd); }

std::uint64_t not_zero(std::uint64_t id) { return id == 0 ? 1 : id; }

// What names it among all messages, and is the same on every node.
std::uint64_t name_of(const routing::Message& message) {
  return mixed(mixed(hash64(message.topic()), message.origin()), message.sequence());
}

}  // namespace

std::optional<MessageTrace> trace_of(const routing::Message& message, std::uint64_t sampled) {
  const auto told = observe::find_traceparent(message.forwarded());
  MessageTrace found;
  if (told) {
    if (!told->is_sampled) return std::nullopt;
    found.trace = told->trace;
    found.parent = told->span;
  } else {
    if (sampled == 0) return std::nullopt;
    // A restart counts from 0 again; what it says will hardly be the same.
    const ByteView payload = message.payload();
    const std::uint64_t name = mixed(
        name_of(message), hash64(as_text(payload.first(std::min(payload.size(), kPayloadRead)))));
    if (mixed(name, kChoiceSalt) >> 32 >= sampled) return std::nullopt;
    found.trace = {mixed(name, kHighSalt), not_zero(mixed(name, kLowSalt))};
  }
  const std::uint64_t trace = mixed(found.trace.high, found.trace.low);
  found.publish = not_zero(mixed(mixed(trace, found.parent), name_of(message)));
  return found;
}

CoreSpans::CoreSpans(observe::SpanQueue& queue, const Clock& clock, std::uint64_t sampled,
                     std::uint16_t shard_count, std::uint64_t seed)
    : session::Spans(sampled > 0),
      queue_(queue),
      clock_(clock),
      sampled_(sampled),
      shard_count_(shard_count),
      random_(seed) {}

std::size_t CoreSpans::KeyHash::operator()(const Key& key) const {
  return static_cast<std::size_t>(mixed(reinterpret_cast<std::uintptr_t>(key.waiter), key.tag));
}

std::uint64_t CoreSpans::new_id() { return not_zero(mix64(random_ += kOdd)); }

// As finely as the steady clock goes, and never far from the wall's.
std::int64_t CoreSpans::unix_ns() {
  const std::int64_t steady_ns = clock_.steady_ns();
  const std::int64_t wall_ns = clock_.wall_ms() * kMsNs;
  const std::int64_t ahead_ns = steady_ns + offset_ns_ - wall_ns;
  if (ahead_ns < -kMsNs || ahead_ns > 2 * kMsNs) offset_ns_ = wall_ns - steady_ns;
  return steady_ns + offset_ns_;
}

void CoreSpans::send(Span span) { queue_.push(std::move(span), clock_.steady_ms()); }

Span CoreSpans::span_of(const Client& client, const routing::Message& message) const {
  Span span;
  span.topic = observe::cut_text(message.topic());
  span.client_id = observe::cut_text(client.id);
  span.body_bytes = message.payload().size();
  span.qos = static_cast<std::uint8_t>(message.qos());
  span.retain = message.retain();
  if (client.is_durable) span.shard = shard_of(client.id, shard_count_).value;
  return span;
}

void CoreSpans::on_refused(const Client& client, const mqtt::Publish& publish,
                           mqtt::ReasonCode reason) {
  std::vector<std::uint8_t> forwarded;
  mqtt::append_forwarded(publish.properties, forwarded);
  const auto told = observe::find_traceparent(forwarded);
  if (!told || !told->is_sampled) return;
  Span span;
  span.trace = told->trace;
  span.id = new_id();
  span.parent = told->span;
  span.kind = Span::Kind::server;
  span.name = "publish";
  span.start_ns = span.end_ns = unix_ns();
  span.topic = observe::cut_text(publish.topic);
  span.client_id = observe::cut_text(client.id);
  span.body_bytes = publish.payload.size();
  span.qos = static_cast<std::uint8_t>(publish.qos);
  span.retain = publish.retain;
  span.fault = mqtt::name(reason);
  span.reason = static_cast<std::uint8_t>(reason);
  send(std::move(span));
}

bool CoreSpans::begin(const Client& client, const routing::Message& message) {
  const auto at = trace_of(message, sampled_);
  if (!at) return false;
  Span span = span_of(client, message);
  span.trace = at->trace;
  span.id = at->publish;
  span.parent = at->parent;
  span.kind = Span::Kind::server;
  span.name = "publish";
  span.start_ns = unix_ns();
  current_ = std::move(span);
  return true;
}

void CoreSpans::end() {
  if (!current_) return;
  current_->end_ns = unix_ns();
  send(*std::exchange(current_, std::nullopt));
}

void CoreSpans::wait(const void* waiter, std::uint64_t tag, bool for_commit) {
  if (!current_) return;
  Span publish = *std::exchange(current_, std::nullopt);
  if (open_.size() >= kOpenMax) {
    queue_.counters().unfinished += for_commit ? 2 : 1;
    return;
  }
  open_[{waiter, tag}] = {std::move(publish), for_commit};
}

// From when the log, or another node, had it to do.
void CoreSpans::send_commit(const Open& open) {
  Span span = open.publish;
  span.parent = span.id;
  span.id = new_id();
  span.kind = Span::Kind::internal;
  span.name = "commit";
  span.end_ns = unix_ns();
  send(std::move(span));
}

void CoreSpans::on_commit(const void* waiter, std::uint64_t tag) {
  if (open_.empty()) return;
  const auto at = open_.find({waiter, tag});
  if (at == open_.end() || !std::exchange(at->second.waits_for_commit, false)) return;
  send_commit(at->second);
}

void CoreSpans::on_ack(const void* waiter, std::uint64_t tag) {
  if (open_.empty()) return;
  const auto at = open_.find({waiter, tag});
  if (at == open_.end()) return;
  Span span = std::move(at->second.publish);
  open_.erase(at);
  span.end_ns = unix_ns();
  send(std::move(span));
}

// Its client went before the ack: it will send the message again.
void CoreSpans::forget(const void* waiter) {
  if (open_.empty()) return;
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->first.waiter != waiter) {
      ++at;
      continue;
    }
    Span span = std::move(at->second.publish);
    at = open_.erase(at);
    span.end_ns = unix_ns();
    span.fault = "connection_lost";
    send(std::move(span));
  }
}

bool CoreSpans::has_room_for_delivery(std::uint64_t publish) {
  Delivered& at = delivered_[publish % kRememberedMax];
  if (at.publish != publish) at = {publish, 0};
  return ++at.count <= kDeliversMax;
}

// From when the broker had it: what waited for its client shows for how long.
void CoreSpans::on_deliver(const Client& client, const session::QueueEntry& entry, bool dup) {
  const routing::Message& message = *entry.message;
  const auto at = trace_of(message, sampled_);
  if (!at) return;
  if (!has_room_for_delivery(at->publish)) {
    ++queue_.counters().fan_out;
    return;
  }
  Span span = span_of(client, message);
  span.trace = at->trace;
  span.id = new_id();
  span.parent = at->publish;
  span.kind = Span::Kind::producer;
  span.name = "deliver";
  span.end_ns = unix_ns();
  const std::int64_t waited_ms = clock_.steady_ms() - message.received_ms();
  span.start_ns = span.end_ns - std::max<std::int64_t>(waited_ms, 0) * kMsNs;
  span.qos = static_cast<std::uint8_t>(entry.qos);
  span.retain = entry.retain;
  span.dup = dup;
  send(std::move(span));
}

}  // namespace roost::server
