// SPDX-License-Identifier: Apache-2.0
// A broker whose shards are led elsewhere when the test says so, and here again.
// Thread: core-bound. Owner: GoogleTest.
#pragma once

#include "tests/session/chapter.h"

namespace roost::session {

class Leading : public Chapter {
 protected:
  static constexpr std::int64_t kPaceMs = 64;  // a portion each, on the grain of timers
  static Hello staying() { return Hello().resume().expiry(1000); }
  static ShardId shard_of(std::string_view key) { return roost::shard_of(key, kShardCountDefault); }
  SessionTable& home(std::string_view key) { return broker.home(key); }
  // Led elsewhere from now on; what waits isn't touched yet.
  void lose(std::string_view key) {
    broker.run_on(broker.core_of(key), [&] { home(key).follow(shard_of(key)); });
  }
  void lead(std::string_view key) {
    broker.run_on(broker.core_of(key), [&] { home(key).lead(shard_of(key), broker.started()); });
    broker.settle();
  }
  // A record of the leader elsewhere, committed.
  void comes(std::string_view key, const Record& record) {
    broker.run_on(broker.core_of(key), [&] { broker.disk_of(key).bring(shard_of(key), record); });
    broker.settle();
  }
  routing::MessagePtr message(std::string_view topic, std::string_view payload) {
    routing::MessageParts parts;
    parts.topic = topic;
    parts.payload = as_bytes(payload);
    parts.qos = kQos1;
    parts.received_ms = broker.clock().steady_ms();
    return routing::Message::make(parts);
  }
  std::size_t appended() {
    std::size_t sum = 0;
    for (std::uint16_t id = 0; id < broker.size(); ++id) sum += broker.disk(CoreId{id}).appended();
    return sum;
  }
};

}  // namespace roost::session
