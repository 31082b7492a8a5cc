// SPDX-License-Identifier: Apache-2.0
// A connected client's session: its protocol, packets in, packets out through Link. It lasts as
// long as the connection. What is remembered beyond that is StoredSession, changed by records
// only; a session that ends with its connection has none and keeps all in here. Split by verb:
// connect.cc, publish_in.cc, publish_out.cc, queue.cc (what waits for the client), subscribe.cc.
// Thread: core-bound (the core of shard_of(client id)). Owner: SessionTable.
#pragma once

#include <cstdint>
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
#include "broker/session/drop_cause.h"
#include "broker/session/link.h"
#include "broker/session/matching.h"
#include "broker/session/outgoing.h"
#include "broker/session/retained_elsewhere.h"
#include "broker/session/spans.h"
#include "broker/session/stored_session.h"
#include "broker/session/teller.h"
#include "broker/session/topic_alias.h"
#include "broker/session/tracer.h"

namespace roost::session {

class SessionTable;
struct ClassCounters;

// When PUBACK and PUBREC leave.
enum class AckMode : std::uint8_t {
  quorum,  // stored: on the disks of all nodes in sync; alone: here
  local,   // stored on the disk of the node that leads the shard
  memory,  // accepted
};

class Session final : private core::Timer, public routing::PublicationWaiter {
 public:
  Session(SessionTable& table, std::string_view client_id, Generation generation);
  ~Session() override;

  const std::string& client_id() const { return client_id_; }
  const Generation& generation() const { return generation_; }
  std::uint64_t origin() const { return origin_; }  // hash64(client id), for No Local
  bool is_durable() const { return stored_ != nullptr && stored_->durable; }
  bool is_connected() const { return link_ != nullptr; }
  const Access* access() const { return access_; }  // null: it may do everything
  // CONNACK waits for the shard's log: nothing may be handled yet.
  bool is_opening() const { return opening_ != nullptr; }
  std::size_t queue_size() const;
  std::uint64_t queue_bytes() const;
  std::uint32_t in_flight() const { return out_.unfinished(); }
  std::uint32_t drops() const { return drops_; }  // of this connection
  SteadyMs connected_since_ms() const { return opened_ms_; }
  SteadyMs last_packet_ms() const { return last_packet_ms_; }
  SteadyMs oldest_unacked_ms() const;  // when that came to the broker; 0: nothing is
  const Link& link() const { return *link_; }
  void describe(struct SessionView& view) const;  // what it alone knows
  const FilterList& filters() const { return is_durable() ? stored_->filters : filters_; }

  // --- what the client sends. Requires: is_connected(), not is_opening(). After any of them the
  // session may be over: callers ask their link before they go on. ---
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
  void on_drained();  // room again in the link
  // Any packet counts as a sign of life.
  void saw_packet() { last_packet_ms_ = now_ms(); }

  // --- what others send it ---
  void deliver(const routing::MessagePtr& message, Match& match);
  // At QoS 0: sent, held behind retained messages, or dropped and counted.
  void deliver_once(QueueEntry entry);
  // A message would have to wait in the queue now.
  bool is_busy() const;
  // When the oldest message came that its client hasn't got or acknowledged; 0: there is none here.
  SteadyMs oldest_ms() const;
  void pump();
  // Ends the connection with a reason, e.g. 0x8E or 0x8B.
  // `server_reference`: where the client shall go instead; v5, with 0x9C and 0x9D.
  void kick(mqtt::ReasonCode reason, std::string_view why, std::string_view server_reference = {});

  // --- its shard's records are committed (ShardState) ---
  void opened(StoredSession* stored, bool session_present);
  void queued(const StoredSession::Fresh& fresh);
  void dropped(std::uint64_t sequence);
  void subscribed(const SubscribedRecord& record, const std::vector<bool>& is_new);
  void unsubscribed(const std::vector<bool>& existed);
  void acks_committed(const AckedRecord& record);
  void received_committed();
  void release_committed(const ReleasedRecord& record);
  void gather_committed() { gather_done(); }
  void stored_ended();  // the session is over, by an operator's word
  // --- its shard is led elsewhere from now on (SessionTable) ---
  // A durable one: keeps nothing but its link, lets fall what the client sends, and waits for
  // kick(). `place`: of SessionTable's.
  void strand(std::size_t place);
  bool is_stranded() const { return stranded_; }
  std::size_t stranded_place() const { return stranded_place_; }
  // A clean one goes on; its will was in the record.
  void lose_record();
  // The rules have changed: who has a filter that is no longer allowed loses it and is sent off.
  void look_at_access();

  // --- for SessionTable ---
  void attach(const mqtt::Connect& connect, Link& link, std::string_view assigned_client_id,
              AckMode ack);
  // Its coming, and with it its going, stand in the log.
  // What is to be told of it; while it has a link.
  ClientNews news(ClientNews::Kind kind, std::string_view why) const;
  AttachedRecord attached_record(const mqtt::Connect& connect, bool durable);
  // What was acknowledged, as records.
  void append_acks();

  bool is_late_acked = false;  // in the table's list

  // Duplicate merging while matching, as Matcher wants them.
  std::uint32_t match_serial = 0;
  std::uint32_t match_index = 0;

 private:
  struct PendingAck {
    mqtt::PacketId packet_id = 0;
    mqtt::PacketType type = mqtt::PacketType::puback;
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;
    bool waits_for_log = false;                   // a ReceivedRecord
    routing::Publication* publication = nullptr;  // null: confirmed
  };
  // SUBACK or UNSUBACK; they leave in the order of what they answer.
  struct Answer {
    mqtt::PacketId packet_id = 0;
    bool is_unsuback = false;
    bool is_silent = false;  // of what nobody asked for
    bool is_committed = false;
    std::uint32_t waiting = 1;  // for the log, for share groups, for other nodes
    std::vector<mqtt::ReasonCode> reasons;
  };
  // Retained messages that a new subscription brings.
  struct Replay {
    std::vector<std::string> filters;
    std::vector<mqtt::SubscriptionOptions> options;
    std::uint32_t subscription_id = 0;
    std::size_t held_before = 0;
  };
  struct Opening {
    mqtt::Connack connack;
    std::string response_information, assigned_client_id;
    std::string authentication_method, authentication_data;
  };
  struct Page;  // messages read from disk

  // connect.cc
  void prepare_connack(const mqtt::Connect& connect, std::string_view assigned_client_id);
  void detach(Departure departure, std::string_view why);
  void let_go();
  void detach_stored(Departure departure);
  void give_back_queue();
  void end_volatile();
  void on_timer() override;
  void arm_timer();

  // publish_in.cc
  bool resolve_alias(mqtt::Publish& publish);
  mqtt::ReasonCode judge(const mqtt::Publish& publish);
  bool is_repeat(mqtt::PacketId id) const;
  bool is_receiving(mqtt::PacketId id) const;
  bool admit(const mqtt::Publish& publish);
  bool has_room(const mqtt::Publish& publish);
  routing::MessagePtr message_of(const mqtt::Publish& publish) const;
  void accept(const mqtt::Publish& publish);
  void accept_durable_qos2(const mqtt::Publish& publish, routing::MessagePtr message,
                           bool is_followed);
  void acknowledge(PendingAck ack);
  void acknowledge_followed(PendingAck ack);
  Spans::Client span_client() const { return {client_id_, is_durable()}; }
  void on_confirmed(std::uint64_t tag) override;
  void send_confirmed_acks();
  void on_pubrel(const mqtt::Ack& ack);

  // publish_out.cc
  bool window_open() const;
  bool send_publish(const QueueEntry& entry, mqtt::PacketId id, bool dup);
  void measure(const QueueEntry& entry);
  bool fits(const QueueEntry& entry) const;
  bool has_room_for_alias(mqtt::PublishParts parts) const;
  void on_puback(const mqtt::Ack& ack);
  void on_pubrec(const mqtt::Ack& ack);
  void on_pubcomp(const mqtt::Ack& ack);
  void finish(Outgoing::Entry& entry);
  void finish_stored(std::uint64_t sequence);
  enum class Acks : std::uint8_t { none, later, now };
  void note_acks(Acks when);
  void hurry_acks();

  // queue.cc
  void send_or_enqueue(QueueEntry entry);
  void push(QueueEntry entry);
  void left_queue(const QueueEntry& entry);
  void left_ahead(const QueueEntry& entry);
  bool wants_more() const;
  void enter_next();
  QueueEntry skip_next();
  bool drop_next_if_stale();
  bool make_room(const QueueEntry& entry);
  void load_more();
  void load_fresh();
  void read_page();
  void page_read(Page& page);
  void load(std::uint64_t sequence, QueueEntry entry);

  // access.cc
  bool may_subscribe(std::string_view filter) const;
  bool may_receive(const QueueEntry& entry) const;
  bool take_away_filters();

  // subscribe.cc
  void remove_filters(const std::vector<std::string_view>& filters);
  mqtt::ReasonCode check_entry(const mqtt::SubscribeEntry& entry,
                               const SubscribedRecord& accepted) const;
  void send_answers();
  void answer_part(mqtt::PacketId packet_id);
  void apply_volatile(const SubscribedRecord& record);
  Replay wanted_retained(const SubscribedRecord& record, const std::vector<bool>& is_new);
  void gather(Replay replay);
  void gathered(std::vector<Kept> kept, const std::vector<mqtt::SubscriptionOptions>& options,
                std::uint32_t id, std::size_t held_before);
  void came_live(std::vector<Kept>& kept, std::size_t held_before) const;
  void gather_done();
  void release_older(const std::vector<Kept>& kept, std::size_t held_before);
  void release_held();

  // shared
  // Requires: somebody is followed (SessionTable::tracer()), this one perhaps.
  void trace(TraceEvent event) const;
  // When the oldest of the first `count` outgoing messages came to the broker; 0: none was found.
  SteadyMs oldest_of(std::size_t count) const;
  void count_drop(Counter& counter, DropCause cause);
  SteadyMs now_ms() const;
  void send_packet(const mqtt::Packet& packet);
  void send_ack(mqtt::PacketType type, mqtt::PacketId id, mqtt::ReasonCode reason);

  const std::uint64_t origin_;
  SessionTable& table_;
  const std::string client_id_;
  const Generation generation_;
  Link* link_ = nullptr;            // null: over
  Access* access_ = nullptr;        // the link's; null: everything is allowed
  ClassCounters* class_ = nullptr;  // from attach() on
  StoredSession* stored_ = nullptr;
  std::unique_ptr<Opening> opening_;

  mqtt::ProtocolVersion version_ = mqtt::ProtocolVersion::v3_1_1;
  AckMode ack_mode_ = AckMode::quorum;
  bool bridge_ = false;
  bool stranded_ = false;
  bool logged_ = false;      // its coming was a record, so its going is one
  bool replaying_ = false;   // retained messages wait: QoS 0 stays behind them
  bool caught_up_ = true;    // what is queued comes here at once
  Acks noted_ = Acks::none;  // has acks that aren't committed
  bool reading_ = false;     // a page is on its way from the disk
  DropCause last_drop_ = DropCause::none;
  std::uint32_t drops_ = 0;
  std::uint16_t receive_maximum_ = 65535;                 // the client's
  std::uint32_t packet_size_max_ = mqtt::kPacketSizeMax;  // the client's
  std::uint32_t expiry_s_ = 0;       // Session Expiry Interval; kNeverExpires: never
  std::uint32_t keep_alive_ms_ = 0;  // 1.5 x the keep alive; 0: none
  SteadyMs last_packet_ms_ = 0;
  SteadyMs opened_ms_ = 0;
  std::size_t stranded_place_ = 0;
  std::unique_ptr<TopicAliasIn> aliases_in_;
  std::unique_ptr<TopicAliasOut> aliases_out_;

  // In.
  Ring<PendingAck> acks_;
  std::uint64_t first_ack_tag_ = 0;                   // of acks_[0]
  AwaitingRelease awaiting_release_;                  // volatile
  std::vector<mqtt::PacketId> released_, releasing_;  // durable: of this turn; on their way
  std::vector<mqtt::PacketId> receiving_;  // durable, PUBREC'd at once: on their way to the log
  // Of earlier connections, awaiting release when this one began, and still. [MQTT5-4.9]
  std::vector<mqtt::PacketId> resumed_;
  Ring<std::unique_ptr<Answer>> answers_;

  // Out.
  Outgoing out_;
  std::uint32_t open_here_ = 0;    // QoS 1/2 sent, unfinished
  std::uint64_t queue_bytes_ = 0;  // volatile: of what waits
  std::uint64_t ahead_bytes_ = 0;  // durable: of what is loaded and waits
  std::uint64_t load_next_ = 0;    // durable: the sequence to load next
  std::uint64_t sent_before_ = 0;  // durable: sent, perhaps, on an earlier connection
  std::uint64_t sent_end_ = 0;     // durable: behind the last one sent
  std::vector<std::uint64_t> finished_, received_;  // durable: acknowledged, not committed
  std::vector<std::uint64_t> completed_early_;      // PUBCOMP before the page with it was read
  std::uint32_t gathers_open_ = 0;
  Ring<QueueEntry> held_;  // live messages behind retained ones that are gathered
  FilterList filters_;     // volatile
};

}  // namespace roost::session
