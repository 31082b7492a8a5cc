// SPDX-License-Identifier: Apache-2.0
// All that is remembered of one client id, connected or not: subscriptions, queue, what is in
// flight both ways, will. While a client is connected, its protocol runs here: packets in, packets
// out through Link. Split by verb: connect.cc, publish_in.cc, publish_out.cc, subscribe.cc,
// will.cc. Thread: core-bound (the core of shard_of(client id)). Owner: SessionTable (in memory
// only) or ShardState (durable).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/core.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/packet.h"
#include "broker/routing/message.h"
#include "broker/routing/router.h"
#include "broker/session/awaiting_release.h"
#include "broker/session/inflight.h"
#include "broker/session/link.h"
#include "broker/session/queue_entry.h"
#include "broker/session/topic_alias.h"

namespace roost::session {

class SessionTable;

struct Subscription {
  mqtt::SubscriptionOptions options;
  std::uint32_t id = 0;  // 0: none
};

// A retained message, and which of the filters asked for (an index) it matches.
struct Kept {
  std::uint32_t filter = 0;
  routing::MessagePtr message;
};

// Why a client is gone; decides about its will. [MQTT-3.1.2-8] [MQTT-3.14.4-3]
enum class Departure : std::uint8_t {
  normal,     // DISCONNECT 0x00: the will is thrown away
  with_will,  // DISCONNECT 0x04
  lost,       // connection closed, keep alive over, protocol error, takeover, kicked
};

class Session final : private core::Timer, public routing::PublicationWaiter {
 public:
  Session(SessionTable& table, std::string_view client_id, bool durable);
  ~Session() override;

  const std::string& client_id() const { return client_id_; }
  std::uint64_t origin() const { return origin_; }  // hash64(client id), for No Local
  bool is_durable() const { return durable_; }
  bool is_connected() const { return live_ != nullptr; }
  std::size_t queue_size() const { return queue_.size(); }
  const std::map<std::string, Subscription, std::less<>>& subscriptions() const {
    return subscriptions_;
  }

  // --- what the client sends. Requires: is_connected(). After any of them the session may be
  // disconnected, or gone: callers ask their link before they go on. ---
  void handle(mqtt::Publish& publish);
  void handle(const mqtt::Ack& ack);
  void handle(const mqtt::Subscribe& subscribe);
  void handle(const mqtt::Unsubscribe& unsubscribe);
  void handle_pingreq();
  void handle(const mqtt::Disconnect& disconnect);
  // Bytes that break the protocol, or a second CONNECT: answered, counted, closed.
  void refuse(mqtt::ReasonCode reason, std::string_view why);
  // The link is closed already and must not be used any more.
  void connection_lost(std::string_view why);
  // Room again in the link.
  void on_drained();
  // Any packet counts as a sign of life.
  void saw_packet() { live_->last_packet_ms = now_ms(); }

  // --- what others send it ---
  struct Match {  // this session's share in one publish, all its matching filters together
    mqtt::Qos qos = mqtt::Qos::at_most_once;  // the highest granted
    bool retain_as_published = false;
    std::uint32_t subscription_id = 0;
    std::unique_ptr<EntryExtra> extra;
  };
  void deliver(const routing::MessagePtr& message, Match& match);
  // A message would have to wait in the queue now.
  bool is_busy() const;
  // A retained message for a new subscription; waits in the queue without limit, is never
  // dropped for a slow reader, and keeps later messages behind it.
  void deliver_retained(QueueEntry entry);
  void pump();

  // Ends the connection with a reason, e.g. 0x8E or 0x8B.
  void kick(mqtt::ReasonCode reason, std::string_view why);

  // Duplicate merging in SessionTable's matching: the serial of the publish seen last.
  std::uint32_t match_serial = 0;
  std::uint32_t match_index = 0;

 private:
  friend class SessionTable;  // creates, attaches and ends; the two are one unit by design

  struct PendingAck {
    mqtt::PacketId packet_id = 0;
    mqtt::PacketType type = mqtt::PacketType::puback;
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;
    routing::Publication* publication = nullptr;  // null: confirmed
  };
  struct PendingSuback {
    mqtt::Suback suback;
    std::uint32_t waiting = 0;
  };
  // What belongs to one connection.
  struct Live {
    Link* link = nullptr;
    std::uint64_t generation = 0;  // tells connections of this session apart
    mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v3_1_1;
    bool bridge = false;
    std::uint16_t receive_maximum = 65535;                 // the client's
    std::uint32_t packet_size_max = mqtt::kPacketSizeMax;  // the client's
    std::uint16_t open_here = 0;      // QoS 1/2 sent on this connection, unfinished
    std::uint32_t to_resend = 0;      // Inflight index of the next one to send again
    std::uint32_t keep_alive_ms = 0;  // 1.5 x the keep alive; 0: none
    SteadyMs last_packet_ms = 0;
    std::unique_ptr<TopicAliasIn> aliases_in;
    std::unique_ptr<TopicAliasOut> aliases_out;
    Ring<PendingAck> acks;
    std::uint64_t first_ack_tag = 0;  // of acks[0]
    Ring<std::unique_ptr<PendingSuback>> subacks;
  };
  struct Will {
    routing::MessagePtr message;  // received_ms is set anew when it is published
    std::uint32_t delay_s = 0;
  };

  // connect.cc
  void attach(const mqtt::Connect& connect, Link& link, bool session_present,
              std::string_view assigned_client_id, std::uint64_t generation);
  void send_connack(const mqtt::Connect& connect, bool session_present,
                    std::string_view assigned_client_id);
  void detach(Departure departure, std::string_view why);
  void leave_connection();
  void end();  // the session is over: hand on, publish a waiting will, count
  void on_timer() override;
  void arm_timer();

  // publish_in.cc
  bool resolve_alias(mqtt::Publish& publish);
  bool admit(const mqtt::Publish& publish);
  void accept(const mqtt::Publish& publish);
  void acknowledge(mqtt::PacketId id, mqtt::PacketType type, mqtt::ReasonCode reason,
                   routing::Publication* publication);
  void on_confirmed(std::uint64_t tag) override;
  void send_confirmed_acks();
  void on_pubrel(const mqtt::Ack& ack);

  // publish_out.cc
  bool window_open() const;
  void enqueue(QueueEntry entry);
  void append(QueueEntry entry);
  void count_dequeued(const QueueEntry& entry);
  bool make_room(const QueueEntry& entry);
  void send_or_enqueue(QueueEntry entry);
  bool send_publish(const QueueEntry& entry, mqtt::PacketId id, bool dup);
  bool fits(const QueueEntry& entry) const;
  bool has_room_for_alias(mqtt::PublishParts parts) const;
  void send_inflight(std::size_t index);
  void resend();
  void on_puback(const mqtt::Ack& ack);
  void on_pubrec(const mqtt::Ack& ack);
  void on_pubcomp(const mqtt::Ack& ack);
  void finish(mqtt::PacketId id);

  // subscribe.cc
  mqtt::ReasonCode subscribe_one(const mqtt::SubscribeEntry& entry, std::uint32_t id,
                                 PendingSuback& pending, bool& replay);
  void send_subacks();
  void shared_joined(std::uint64_t generation, mqtt::PacketId packet_id);
  void replay_retained(const std::vector<const mqtt::SubscribeEntry*>& entries, std::uint32_t id);
  void came_live(std::vector<Kept>& kept, std::size_t held_before) const;
  void gathered(routing::MessagePtr message, const mqtt::SubscriptionOptions& options,
                std::uint32_t id);
  void gather_done();
  void release_older(const std::vector<Kept>& kept, std::size_t held_before);
  void release_held();

  // will.cc
  void keep_will(const mqtt::Connect& connect);
  void publish_will();

  // shared
  SteadyMs now_ms() const;
  void send_packet(const mqtt::Packet& packet);
  void send_ack(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode reason);

  SessionTable& table_;
  std::string client_id_;
  std::uint64_t origin_ = 0;
  bool durable_ = false;
  bool replaying_ = false;      // retained messages wait in the queue: live ones stay behind them
  std::uint32_t expiry_s_ = 0;  // Session Expiry Interval; kNeverExpires: never
  SteadyMs expires_at_ms_ = INT64_MAX;
  SteadyMs will_due_ms_ = INT64_MAX;
  std::map<std::string, Subscription, std::less<>> subscriptions_;
  Ring<QueueEntry> queue_;
  std::uint64_t queue_bytes_ = 0;
  std::uint32_t gathers_open_ = 0;  // retained messages are being gathered for so many filters
  Ring<QueueEntry> held_;           // live messages that wait behind them
  Inflight inflight_;
  AwaitingRelease awaiting_release_;
  std::unique_ptr<Will> will_;
  std::unique_ptr<Live> live_;
};

}  // namespace roost::session
