// SPDX-License-Identifier: Apache-2.0
// What is told of sessions to people: copies, taken on their core; and a page of a list of them, in
// an order, beginning behind the last one of the page before.
// Thread: values; a page is filled by one core at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/ids.h"
#include "broker/mqtt/types.h"
#include "broker/session/drop_cause.h"
#include "broker/session/link.h"
#include "broker/session/stored.h"

namespace roost::session {

class Session;
struct StoredSession;

struct SessionView {
  std::string client_id;
  bool is_connected = false;
  bool is_durable = false;
  // Of who is connected; else empty and 0.
  ClientFacts client;
  mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v5;
  std::int64_t connected_ms = 0;       // since when it is, as an age
  std::int64_t silent_ms = 0;          // since its last packet
  std::uint32_t keep_alive_s = 0;      // 0: none
  std::uint32_t in_flight = 0;         // QoS 1 and 2 sent and not acknowledged to the end
  std::uint32_t receive_maximum = 0;   // how many of those it takes
  std::int64_t oldest_unacked_ms = 0;  // since the oldest of them came to the broker
  bool is_reading_slowly = false;      // what is written to it waits in this node
  // Of who isn't; since when, as an age. A node that restarted counts from then where the session
  // never expires.
  std::int64_t offline_ms = 0;
  std::uint32_t expiry_s = 0;
  std::uint64_t queued = 0;        // messages that wait or are in flight
  std::uint64_t queued_bytes = 0;  // about
  std::uint32_t subscriptions = 0;
  std::uint64_t dropped = 0;  // since it connected; durable: since its shard is here
  DropCause last_drop = DropCause::none;
  bool has_will = false;
};

class SessionTable;

// With its filters, the first kFiltersMax of them.
struct SessionDetails {
  static constexpr std::size_t kFiltersMax = 10'000;
  SessionView view;
  std::vector<StoredFilter> filters;
};
// None: neither connected here, nor a durable one whose shard is led here. On the core of the id.
std::optional<SessionDetails> look_at_session(SessionTable& table, std::string_view client_id);

// Who of a core would get a message published to a topic now.
struct Route {
  static constexpr std::size_t kReceiversMax = 1000;
  struct Receiver {
    std::string client_id;
    mqtt::Qos qos = mqtt::Qos::at_most_once;  // granted
    bool is_durable = false, is_connected = false;
    ShardId shard;
  };
  struct Group {  // one of its members
    std::string name, filter;
    std::size_t members = 0;
    bool has_connected = false;
    ShardId shard;
  };
  std::uint64_t count = 0;  // of receivers
  std::vector<Receiver> receivers;
  std::vector<Group> groups;
};

enum class SessionOrder : std::uint8_t {
  client_id,
  queued,
  queued_bytes,
  in_flight,
  oldest_unacked,
  dropped,
  subscriptions,
  connected,  // for how long
  silent,     // since its last packet, or since it is offline
  offline,    // for how long
};

// Where it stands in its order. Times rank by when they began, as a wall clock's seconds: so that a
// place is the same on all nodes, and later.
struct SessionPlace {
  std::int64_t rank = 0;  // larger comes first
  std::string client_id;  // of one rank: rising

  friend bool operator<(const SessionPlace& a, const SessionPlace& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.client_id < b.client_id;
  }
  friend bool operator==(const SessionPlace&, const SessionPlace&) = default;
};

struct SessionQuery {
  static constexpr std::size_t kLimitMax = 1000;

  std::optional<bool> connected, durable;
  std::string client_id;                // '*' stands for any run of characters; empty: all
  std::string user, listener, address;  // exact; of who is connected; empty: all
  SessionOrder order = SessionOrder::client_id;
  bool is_reversed = false;  // smaller ranks first
  std::optional<SessionPlace> after;
  std::size_t limit = 100;
};

class SessionPage {
 public:
  struct Row {
    SessionPlace place;
    SessionView view;
  };

  explicit SessionPage(SessionQuery query) : query_(std::move(query)) {}

  // When it is, on the clocks of who offers.
  struct Now {
    SteadyMs steady_ms = 0;
    WallMs wall_ms = 0;
    std::int64_t shard_begin_s = 0;  // when the shard's clock was 0, in seconds of the wall clock
  };
  // One or both; `offline_ms` where nobody is connected.
  void offer(const Session* live, const StoredSession* stored, const Now& now,
             std::int64_t offline_ms);
  // Of another core or node, in the same order.
  void merge(std::vector<Row> rows);
  // In order; whether there are more behind them.
  std::vector<Row> take();
  bool has_more() const { return has_more_; }
  std::uint64_t matched() const { return matched_; }  // before `after` too

 private:
  std::int64_t rank_of(const Session* live, const StoredSession* stored, const Now& now) const;
  bool is_wanted(const Session* live, const StoredSession* stored) const;
  bool takes(const SessionPlace& place);
  void put(Row row);

  SessionQuery query_;
  std::vector<Row> rows_;  // a heap, the last in order in front
  bool has_more_ = false;
  std::uint64_t matched_ = 0;
};

}  // namespace roost::session
