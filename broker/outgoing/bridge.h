// SPDX-License-Identifier: Apache-2.0
// One bridge: a client of another broker and a client of this one, whose packets go from one to the
// other. It keeps no message of its own: the session here is the durable queue towards the remote,
// the session there the one towards here. Packet ids go through as they are and an acknowledgement
// goes back only when the other side gave it, so that either side may die at any moment: what
// wasn't acknowledged comes again under the same id, and QoS 2 stays exactly once as long as both
// sessions last. The node that leads the shard of the session here runs it, the others stand by.
// Thread: own thread (its loop's); status() any thread.
// Owner: Ways.
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/client/loop.h"
#include "broker/client/options.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/packet.h"
#include "broker/outgoing/backoff.h"
#include "broker/outgoing/inside.h"
#include "broker/outgoing/keep_alive.h"
#include "broker/outgoing/packet_line.h"
#include "broker/outgoing/topic_rules.h"

namespace roost::outgoing {

struct BridgeSettings {
  std::string name;
  client::Endpoint remote;
  mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v5;
  std::string client_id;                 // there
  std::string user_name, password_file;  // empty: none; the file is read at each attempt
  std::uint16_t keep_alive_s = 60;
  std::uint32_t session_expiry_s = 0;  // of both sessions
  std::uint16_t window = 100;          // QoS 1 and 2 under way, each way
  std::uint32_t retry_min_ms = 1000, retry_max_ms = 60'000;
  std::uint32_t connect_timeout_ms = 10'000;
  std::uint32_t topic_levels_max = mqtt::kTopicLevelsDefault;  // here
  std::uint64_t retained_payload_max = 0;                      // here; 0: no limit
  std::string state_topic;  // there, retained: 1 while it is connected, else 0; empty: none
  std::vector<TopicRule> topics;
};

enum class BridgeState : std::uint8_t {
  standby,     // another node's turn
  connecting,  // to the remote
  joining,     // the session here, then the subscriptions of both sides
  running,
  waiting,  // until the next attempt
};
const char* name_of(BridgeState state);

struct BridgeCounters {
  struct Way {
    std::atomic<std::uint64_t> messages{0}, bytes{0};  // handed over; payloads
    // Not handed over, and acknowledged all the same: they would come again for ever.
    std::atomic<std::uint64_t> no_rule{0}, loops{0}, too_large{0}, refused{0};
  };
  Way out, in;
  std::atomic<std::uint64_t> attempts{0};  // to connect
  std::atomic<std::uint64_t> failures{0};  // of those, and of connections that were lost
};

struct BridgeStatus {
  BridgeState state = BridgeState::standby;
  WallMs since_ms = 0;
  std::string last_error;  // of the last failure; empty: none since it ran
};

class Bridge final : private PacketLine::Events {
 public:
  Bridge(client::Loop& loop, const Clock& clock, Log& log, Inside& inside, BridgeSettings settings);
  ~Bridge();

  void start();
  // Says goodbye there; what wasn't acknowledged stays in the sessions.
  void stop();

  const BridgeSettings& settings() const { return settings_; }
  const BridgeCounters& counters() const { return counters_; }
  BridgeStatus status() const;
  // The session's client id here.
  const std::string& local_id() const { return local_id_; }

 private:
  using Qos = mqtt::Qos;
  enum class End : std::uint8_t { here, there };
  // PUBRELs that wait for their PUBCOMPs before the other side is heard.
  struct Clearing {
    std::bitset<65'536> is_due;
    std::size_t left = 0;
  };
  struct Held {
    mqtt::PacketId id = 0;
    std::vector<std::uint8_t> bytes;  // a PUBLISH
  };
  // One side of it.
  struct Side {
    std::unique_ptr<PacketLine> line;
    mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v5;
    bool is_open = false;     // CONNACK came
    bool is_resumed = false;  // ... and says that it has the session
    bool awaits_suback = false;
    std::unique_ptr<Clearing> clearing;
    std::uint32_t packet_size_max = 0;
    std::uint16_t receive_maximum = 0;
    std::uint8_t maximum_qos = 2;
    bool keeps_retained = true;
    KeepAlive keep_alive;
    // QoS 2 messages of it that the other side doesn't get: their PUBRELs are answered here.
    std::set<mqtt::PacketId> settled;
    // Its QoS 2 messages that the other side gets at QoS 1, and hasn't acknowledged.
    std::set<mqtt::PacketId> lowered;
  };

  // bridge.cc: attempts and their ends
  void tick();
  void attempt();
  void on_connected(std::shared_ptr<client::Stream> stream);
  void keep_alive(End end);
  void fail(const std::string& why);
  void hang_up();
  void set_state(BridgeState state);
  void set_error(const std::string& why);
  void on_room(PacketLine& line) override;
  void on_lost(PacketLine& line, const std::string& why) override;
  void log(LogLevel level, const std::string& line);

  // bridge_join.cc: how the two sides come together
  void hold_place();
  void connect_here(std::uint16_t receive_maximum);
  void say_hello();
  void join();
  bool is_for_another_try(const mqtt::Connack& connack);
  void handle(Side& from, const mqtt::Connack& connack);
  void link();
  void clear(Side& side);
  bool is_cleared(Side& side, mqtt::PacketId id);
  void end_clearing(Side& side);
  void subscribe(End end);
  void handle(End from, const mqtt::Suback& suback);
  void run_if_subscribed();
  void look_who_is_late();
  void say_state(bool is_connected);

  // bridge_relay.cc: what packets mean
  void on_packet(PacketLine& from, const mqtt::Packet& packet) override;
  void handle(End from, const mqtt::Publish& message);
  void handle(End from, const mqtt::Ack& ack);
  void relay(End from, const mqtt::Publish& message, const std::string& topic);
  bool is_loop(const mqtt::Publish& message) const;
  // More than this node takes at once: only a 3.1.1 remote, which can't be told, sends so many.
  bool hold(const mqtt::Publish& copy);
  void let_go(mqtt::PacketId id);
  void settle(Side& side, const mqtt::Publish& message, std::atomic<std::uint64_t>& count);
  void send_ack(Side& side, mqtt::PacketType type, mqtt::PacketId id);

  // Messages cross.
  bool is_linked() const { return here_.is_open && there_.is_open; }
  Side& side(End end) { return end == End::here ? here_ : there_; }
  BridgeCounters::Way& way(End from) { return from == End::here ? counters_.out : counters_.in; }

  client::Loop& loop_;
  const Clock& clock_;
  Log& log_;
  Inside& inside_;
  const BridgeSettings settings_;
  const TopicRules rules_;
  const std::string local_id_;
  const std::string token_;  // in kVia of what went through this bridge
  BridgeCounters counters_;
  mutable std::mutex mutex_;
  BridgeStatus status_;    // guarded by mutex_; written by the loop's thread alone
  bool is_plain_ = false;  // the remote doesn't know mosquitto's way of saying "a bridge"
  Side here_, there_;
  std::string refused_;           // by a SUBACK
  bool holds_place_ = false;      // the session here is and has its subscriptions, since our turn
  bool is_new_here_ = false;      // ... and had nothing before
  bool retained_is_due_ = false;  // ... which have brought no retained messages
  Qos will_qos_ = Qos::at_least_once;  // what the remote takes
  bool will_is_retained_ = true;
  std::shared_ptr<client::Stream> connecting_;
  std::vector<std::unique_ptr<PacketLine>> leaving_;  // until the next tick but one
  std::vector<std::unique_ptr<PacketLine>> left_;
  // QoS 1 and 2 from there that this node hasn't finished, and encoded ones that wait for that.
  std::set<mqtt::PacketId> open_here_;
  std::deque<Held> held_;
  std::size_t held_bytes_ = 0;
  SteadyMs deadline_ms_ = 0;  // of the attempt, or until the next one
  SteadyMs linked_ms_ = 0;
  Backoff backoff_;
  client::Loop::TimerId timer_ = 0;
};

}  // namespace roost::outgoing
