// SPDX-License-Identifier: Apache-2.0
// What the sessions of one core count: traffic by QoS and every drop by its cause.
// Thread: written by the core, read by any thread.
#pragma once

#include <array>

#include "broker/base/counter.h"

namespace roost::session {

struct SessionCounters {
  Counter connected;          // sessions with a client now
  Counter sessions_durable;   // sessions that outlive their connection, online or not
  Counter durable_connected;  // of these, with a client now
  Counter connects;           // CONNECTs accepted
  Counter takeovers;
  Counter sessions_expired;
  Counter told;     // of clients that came and went, to who wants to hear it
  Counter telling;  // of those, not with all of them yet and in no log: now
  Counter subscriptions, shared_subscriptions;
  std::array<Counter, 3> publishes_in, publishes_out;          // by QoS
  std::array<Counter, 3> publish_bytes_in, publish_bytes_out;  // payload, by QoS
  Counter acks_in, acks_out;
  Counter packets_in, packets_out;
  Counter wills_sent;
  Counter queued;  // messages waiting in sessions' queues now
  Counter queued_bytes;
  Counter in_flight;
  Counter retained;  // messages kept now

  // Dropped, by cause.
  Counter dropped_slow_reader;     // QoS 0 to a client that doesn't read
  Counter dropped_queue_full;      // over max_queued_messages or max_queued_bytes
  Counter dropped_oldest;          // the oldest made room, where mqtt.queue_overflow says so
  Counter dropped_superseded;      // a newer one of its topic came, under mqtt.keep_last
  Counter dropped_old;             // longer in a queue than max_queued_age_s
  Counter dropped_damaged;         // stood on a damaged page of the disk
  Counter dropped_expired;         // Message Expiry Interval over
  Counter dropped_too_large;       // over the client's Maximum Packet Size
  Counter dropped_offline_qos0;    // QoS 0 to a session without a client
  Counter dropped_session_end;     // waiting when the session ended
  Counter dropped_rejected;        // the subscriber answered PUBREC with an error
  Counter dropped_not_authorized;  // published to $SYS, or against the rules
  Counter dropped_purged;          // by an operator's word
  Counter dropped_retained_full;   // not kept: over max_retained, when nobody can be told any more
  Counter dropped_not_receivable;  // to a client that may not have it by the rules
  Counter access_ended;            // clients whose token expired
  Counter filters_taken_away;      // of clients that had them before the rules changed

  Counter refused_disk_full;        // 0x97, or disconnected
  Counter refused_topic_length;     // PUBLISHes over max_topic_bytes: 0x90
  Counter refused_filter_length;    // filters over it: 0x8F
  Counter refused_retained_size;    // over max_retained_bytes: 0x97
  Counter refused_retained_count;   // over max_retained: 0x97
  Counter refused_receive_maximum;  // 0x93
  Counter refused_packet_size;      // 0x95
  Counter refused_protocol;         // malformed packets and protocol errors
  Counter refused_filters;          // not allowed: 0x87
  Counter refused_subscriptions;    // over max_subscriptions_per_client: 0x97
  Counter keep_alive_timeouts;
};

// Classes of clients that operators name; those in none are the last one's.
inline constexpr std::size_t kClientClassesMax = 32;
using ClientClass = std::uint8_t;  // index, kClientClassesMax: none

// Of the connected clients of one class, on one core.
struct ClassCounters {
  Counter connected;
  Counter messages_in, messages_out;  // PUBLISHes
  Counter dropped;                    // messages that were for it
};

}  // namespace roost::session
