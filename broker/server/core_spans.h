// SPDX-License-Identifier: Apache-2.0
// One core's spans: publish, and below it commit and a deliver for each subscriber. Which trace a
// message belongs to stands in its user properties, and the id of its publish span follows from
// what every node that has the message knows of it: so a deliver on another node, a week later, has
// the right parent, and nothing is kept or sent for that.
// Thread: core-bound.
// Owner: Otel.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "broker/base/clock.h"
#include "broker/observe/span_queue.h"
#include "broker/session/spans.h"

namespace roost::server {

// Where a message stands in its trace.
struct MessageTrace {
  observe::TraceId trace;
  std::uint64_t parent = 0;   // of the publish span; 0: the trace begins with it
  std::uint64_t publish = 0;  // its id; not 0

  friend bool operator==(const MessageTrace&, const MessageTrace&) = default;
};

// None: it isn't followed. `sampled`: of 2^32 messages without a traceparent so many begin a trace
// of their own, the same ones on every node.
std::optional<MessageTrace> trace_of(const routing::Message& message, std::uint64_t sampled);

class CoreSpans final : public session::Spans {
 public:
  static constexpr std::size_t kDeliversMax = 16;    // of one message, on one core
  static constexpr std::size_t kOpenMax = 1024;      // publishes that wait for their ack
  static constexpr std::size_t kRememberedMax = 64;  // messages whose deliveries are counted

  // `seed`: another one for each core and process.
  CoreSpans(observe::SpanQueue& queue, const Clock& clock, std::uint64_t sampled,
            std::uint16_t shard_count, std::uint64_t seed);

  void on_refused(const Client& client, const mqtt::Publish& publish,
                  mqtt::ReasonCode reason) override;
  bool begin(const Client& client, const routing::Message& message) override;
  void end() override;
  void wait(const void* waiter, std::uint64_t tag, bool for_commit) override;
  void on_commit(const void* waiter, std::uint64_t tag) override;
  void on_ack(const void* waiter, std::uint64_t tag) override;
  void forget(const void* waiter) override;
  void on_deliver(const Client& client, const session::QueueEntry& entry, bool dup) override;

 private:
  // One that waits: its publish span, without an end.
  struct Open {
    observe::Span publish;
    bool waits_for_commit = false;
  };
  struct Key {
    const void* waiter;
    std::uint64_t tag;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Delivered {
    std::uint64_t publish = 0;
    std::size_t count = 0;
  };

  observe::Span span_of(const Client& client, const routing::Message& message) const;
  bool has_room_for_delivery(std::uint64_t publish);
  std::uint64_t new_id();
  std::int64_t unix_ns();
  void send(observe::Span span);
  void send_commit(const Open& open);

  observe::SpanQueue& queue_;
  const Clock& clock_;
  const std::uint64_t sampled_;
  const std::uint16_t shard_count_;
  std::uint64_t random_;
  std::int64_t offset_ns_ = 0;            // from the steady clock to the wall's
  std::optional<observe::Span> current_;  // between begin() and end() or wait()
  std::unordered_map<Key, Open, KeyHash> open_;
  std::array<Delivered, kRememberedMax> delivered_;  // by publish span
};

}  // namespace roost::server
