// SPDX-License-Identifier: Apache-2.0
// The way of single messages, for whoever follows traces: declared by the session, implemented
// above it, where there are clocks and somebody to tell. Without one a message pays for a look at a
// null pointer; with one, a message that brings no user properties for little more.
// Thread: core-bound, one a core.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/mqtt/packet.h"
#include "broker/routing/message.h"

namespace roost::session {

struct QueueEntry;

class Spans {
 public:
  // Worth asking further.
  bool may_follow(const routing::Message& message) const {
    return is_sampling_ || !message.forwarded().empty();
  }
  bool may_follow(const mqtt::Publish& publish) const {
    return is_sampling_ || !publish.properties.user_properties.empty();
  }

  // Whose message it is. `is_durable`: the session outlives its connection.
  struct Client {
    std::string_view id;
    bool is_durable = false;
  };

  // A PUBLISH that isn't taken.
  virtual void on_refused(const Client& client, const mqtt::Publish& publish,
                          mqtt::ReasonCode reason) = 0;

  // A PUBLISH is taken. False: nobody follows it; else one of the two next is called before
  // anything else is published.
  virtual bool begin(const Client& client, const routing::Message& message) = 0;
  virtual void end() = 0;  // nothing is waited for
  // Its ack waits, under that number of that waiter's: for the log, for other nodes, or only for
  // acks before it.
  virtual void wait(const void* waiter, std::uint64_t tag, bool for_commit) = 0;
  virtual void on_commit(const void* waiter, std::uint64_t tag) = 0;
  virtual void on_ack(const void* waiter, std::uint64_t tag) = 0;
  // It won't be told any of that any more.
  virtual void forget(const void* waiter) = 0;

  // Handed to a subscriber's link.
  virtual void on_deliver(const Client& client, const QueueEntry& entry, bool dup) = 0;

 protected:
  explicit Spans(bool is_sampling) : is_sampling_(is_sampling) {}
  ~Spans() = default;

 private:
  const bool is_sampling_;  // also messages that bring no traceparent
};

}  // namespace roost::session
