// SPDX-License-Identifier: Apache-2.0
// What a session allows. Defaults are ones that a smart home doesn't hit.
// Thread: immutable.
#pragma once

#include <cstdint>

#include "broker/mqtt/limits.h"
#include "broker/mqtt/types.h"

namespace roost::session {

struct SessionLimits {
  mqtt::Limits wire;                            // of packets that come in
  std::uint16_t receive_maximum = 1000;         // QoS 1/2 that a v5 client may have open with us
  std::uint16_t max_inflight = 1000;            // QoS 1/2 open towards a client (and its own wish)
  std::uint16_t topic_alias_maximum = 10;       // each way
  std::uint32_t max_queued_messages = 100'000;  // per session
  std::uint64_t max_queued_bytes = 0;           // per session; 0: no limit
  std::uint32_t max_queued_age_s = 0;           // of a message in a queue; 0: no limit
  std::uint64_t max_queued_bytes_core = 0;      // all sessions of one core; 0: no limit
  std::uint32_t max_subscriptions = 0;          // per session; 0: no limit
  std::uint32_t max_topic_bytes = 65'535;       // of a topic name or filter
  std::uint32_t max_retained_bytes = 0;         // payload of a retained message; 0: no limit
  std::uint32_t max_retained = 0;               // topics of this node's shards; 0: no limit
  std::uint16_t keep_alive_max_s = 0;           // v5 only (3.x can't be told); 0: no cap
  std::uint32_t session_expiry_max_s = mqtt::kNeverExpires;  // v5: lower values are announced
  // What durable sessions acknowledge, and nothing waits for, is committed together: so long after
  // the first. A crash meanwhile lets them come again, with DUP. 0: at the end of each turn.
  std::uint16_t ack_delay_ms = 0;
  std::uint32_t persistent_expiry_s = mqtt::kNeverExpires;  // 3.x with clean session 0
};

}  // namespace roost::session
