// SPDX-License-Identifier: Apache-2.0
// A client comes, is answered, goes.
#include <algorithm>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "broker/mqtt/encode.h"
#include "broker/session/access.h"
#include "broker/session/session.h"
#include "broker/session/session_table.h"
#include "broker/session/will.h"

namespace roost::session {

using mqtt::PropertyId;
using mqtt::ProtocolVersion;
using mqtt::ReasonCode;

Session::Session(SessionTable& table, std::string_view client_id, Generation generation)
    : origin_(hash64(client_id)), table_(table), client_id_(client_id), generation_(generation) {}

Session::~Session() = default;

SteadyMs Session::now_ms() const { return table_.core().now_ms(); }

namespace {

std::uint32_t expiry_of(const mqtt::Connect& connect, const SessionLimits& limits) {
  if (connect.version == ProtocolVersion::v5) {
    return std::min(connect.properties.session_expiry_interval_s, limits.session_expiry_max_s);
  }
  return connect.clean_start ? 0 : limits.persistent_expiry_s;
}

std::uint16_t keep_alive_of(const mqtt::Connect& connect, const SessionLimits& limits) {
  const bool capped = connect.version == ProtocolVersion::v5 && limits.keep_alive_max_s > 0 &&
                      (connect.keep_alive_s == 0 || connect.keep_alive_s > limits.keep_alive_max_s);
  return capped ? limits.keep_alive_max_s : connect.keep_alive_s;
}

}  // namespace

// Nothing is answered yet: opened() comes at once or when the record is committed.
void Session::attach(const mqtt::Connect& connect, Link& link, std::string_view assigned_client_id,
                     AckMode ack) {
  const SessionLimits& limits = table_.limits();
  link_ = &link;
  access_ = link.access();
  ack_mode_ = ack;
  expiry_s_ = expiry_of(connect, limits);
  version_ = connect.version;
  bridge_ = connect.bridge;
  opened_ms_ = last_packet_ms_ = now_ms();
  class_ = &table_.class_counters(link.client_class());
  keep_alive_ms_ = keep_alive_of(connect, limits) * 1500U;  // [MQTT-3.1.2-22]
  receive_maximum_ = limits.max_inflight;
  if (connect.version == ProtocolVersion::v5) {
    const mqtt::Properties& wishes = connect.properties;
    receive_maximum_ = std::min(wishes.receive_maximum, limits.max_inflight);
    if (wishes.has(PropertyId::maximum_packet_size)) packet_size_max_ = wishes.maximum_packet_size;
    const auto aliases = std::min(wishes.topic_alias_maximum, limits.topic_alias_maximum);
    if (aliases > 0) aliases_out_ = std::make_unique<TopicAliasOut>(aliases);
  }
  prepare_connack(connect, assigned_client_id);
  if (table_.tracer() != nullptr) trace(traced_note("connects"));
}

AttachedRecord Session::attached_record(const mqtt::Connect& connect, bool durable) {
  logged_ = true;
  AttachedRecord record;
  record.client_id = client_id_;
  record.generation = generation_;
  record.now_ms = table_.shard_time_of(client_id_);
  record.clean_start = connect.clean_start;
  record.durable = durable;
  record.expiry_s = expiry_s_;
  record.receive_maximum = receive_maximum_;
  record.will = will_of(connect, origin_);
  return record;
}

void Session::prepare_connack(const mqtt::Connect& connect, std::string_view assigned_client_id) {
  const SessionLimits& limits = table_.limits();
  opening_ = std::make_unique<Opening>();
  if (connect.version != ProtocolVersion::v5) return;
  mqtt::Properties& said = opening_->connack.properties;
  const auto mark = [&](auto& to, auto value, PropertyId id) {
    to = value;
    said.mark(id);
  };
  if (expiry_s_ != connect.properties.session_expiry_interval_s) {
    mark(said.session_expiry_interval_s, expiry_s_, PropertyId::session_expiry_interval);
  }
  if (limits.receive_maximum != 65535) {
    mark(said.receive_maximum, limits.receive_maximum, PropertyId::receive_maximum);
  }
  const std::uint32_t of_link = link_->packet_size_max();
  const std::uint32_t packet_size_max = of_link != 0 ? of_link : limits.wire.packet_size_max;
  if (packet_size_max < mqtt::kPacketSizeMax) {
    mark(said.maximum_packet_size, packet_size_max, PropertyId::maximum_packet_size);
  }
  if (limits.topic_alias_maximum > 0) {
    mark(said.topic_alias_maximum, limits.topic_alias_maximum, PropertyId::topic_alias_maximum);
  }
  const std::uint16_t keep_alive_s = keep_alive_of(connect, limits);
  if (keep_alive_s != connect.keep_alive_s) {
    mark(said.server_keep_alive_s, keep_alive_s, PropertyId::server_keep_alive);
  }
  if (!assigned_client_id.empty()) {
    opening_->assigned_client_id = assigned_client_id;
    mark(said.assigned_client_identifier, std::string_view(opening_->assigned_client_id),
         PropertyId::assigned_client_identifier);
  }
  if (connect.properties.has(PropertyId::authentication_method)) {  // [MQTT-4.12.0-5]
    opening_->authentication_method = connect.properties.authentication_method;
    opening_->authentication_data = link_->authentication_data();
    mark(said.authentication_method, std::string_view(opening_->authentication_method),
         PropertyId::authentication_method);
    if (!opening_->authentication_data.empty()) {
      mark(said.authentication_data, as_bytes(opening_->authentication_data),
           PropertyId::authentication_data);
    }
  }
  if (connect.properties.request_response_information != 0 &&
      client_id_.find_first_of("+#") == std::string::npos) {
    opening_->response_information = "response/" + client_id_;
    mark(said.response_information, std::string_view(opening_->response_information),
         PropertyId::response_information);
  }
}

// `stored`: what its shard remembers of it, or null for a session without a record.
void Session::opened(StoredSession* stored, bool session_present) {
  CHECK(opening_ != nullptr && link_ != nullptr);
  stored_ = stored;
  table_.counters().connects.add();
  table_.counters().connected.add();
  class_->connected.add();
  opened_ms_ = now_ms();
  if (is_durable()) table_.counters().durable_connected.add();
  opening_->connack.session_present = session_present;
  send_packet(opening_->connack);
  opening_.reset();
  arm_timer();
  if (is_durable()) {
    stored_->filters.for_each([&](std::string_view text, const Subscription&) {
      const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
      if (filter && filter->is_shared()) table_.share_presence(client_id_, *filter, true);
    });
    sent_before_ = stored_->sent_before;
    sent_end_ = stored_->sent_before;
    load_next_ = stored_->oldest;
    caught_up_ = load_next_ == stored_->next_sequence;
    if (stored_->rare != nullptr) resumed_ = stored_->rare->awaiting_release;
    if (stored_->rare != nullptr) {  // in the order of their PUBRECs [MQTT-4.6.0-4]
      for (const std::uint64_t sequence : stored_->rare->received) {
        send_ack(mqtt::PacketType::pubrel, Outgoing::id_of(sequence), ReasonCode::success);
      }
    }
    take_away_filters();
    pump();
  }
  constexpr auto kHere = ClientNews::Kind::connected;
  if (!logged_ && link_ != nullptr && table_.wants(kHere)) table_.tell(news(kHere, {}), false);
  if (link_ != nullptr) link_->opened();
}

void Session::send_packet(const mqtt::Packet& packet) {
  std::vector<std::uint8_t> bytes;
  mqtt::encode(packet, version_, bytes);
  if (table_.tracer() != nullptr) trace(traced_out(packet));
  table_.counters().packets_out.add();
  std::copy(bytes.begin(), bytes.end(), link_->room(bytes.size()));
}

void Session::send_ack(mqtt::PacketType type, mqtt::PacketId id, ReasonCode reason) {
  std::uint8_t bytes[mqtt::kAckSizeMax];
  const std::size_t size = mqtt::encode_ack(type, id, reason, version_, bytes);
  table_.counters().packets_out.add();
  table_.counters().acks_out.add();
  if (table_.tracer() != nullptr) trace(traced(TraceEvent::Way::out, type, id, reason));
  std::copy_n(bytes, size, link_->room(size));
}

void Session::handle_pingreq() {
  if (!stranded_) send_packet(mqtt::Pingresp{});
}

void Session::handle(const mqtt::Disconnect& disconnect) {
  if (!stranded_ && disconnect.properties.has(PropertyId::session_expiry_interval)) {
    const std::uint32_t wanted_s = disconnect.properties.session_expiry_interval_s;
    if (expiry_s_ == 0 && wanted_s != 0) {  // [MQTT-3.14.2-2]
      refuse(ReasonCode::protocol_error, "DISCONNECT sets an expiry where CONNECT had none");
      return;
    }
    expiry_s_ = std::min(wanted_s, table_.limits().session_expiry_max_s);
  }
  Link* link = link_;
  const bool keeps_will = disconnect.reason != ReasonCode::success;  // [MQTT-3.14.4-3]
  const Departure departure = keeps_will ? Departure::with_will : Departure::normal;
  link->departs(departure);
  detach(departure, "client disconnected");
  link->close("client disconnected");
}

void Session::refuse(ReasonCode reason, std::string_view why) {
  SessionCounters& counters = table_.counters();
  if (reason == ReasonCode::receive_maximum_exceeded) {
    counters.refused_receive_maximum.add();
  } else if (reason == ReasonCode::packet_too_large) {
    counters.refused_packet_size.add();
  } else {
    counters.refused_protocol.add();
  }
  kick(reason, why);
}

// Before CONNACK nothing else may be said.
void Session::kick(ReasonCode reason, std::string_view why, std::string_view server_reference) {
  if (link_ == nullptr) return;
  if (version_ == ProtocolVersion::v5 && !is_opening()) {
    mqtt::Disconnect disconnect;
    disconnect.reason = reason;
    if (!server_reference.empty()) {
      disconnect.properties.server_reference = server_reference;
      disconnect.properties.mark(PropertyId::server_reference);
    }
    send_packet(disconnect);
  }
  Link* link = link_;
  detach(Departure::lost, why);
  link->close(why);
}

void Session::connection_lost(std::string_view why) { detach(Departure::lost, why); }

void Session::stored_ended() {
  stored_ = nullptr;
  logged_ = false;
  if (link_ == nullptr) return;
  kick(ReasonCode::administrative_action, "session ended");
}

// The connection is over, and this object with it: it dies at the turn's end.
void Session::detach(Departure departure, std::string_view why) {
  CHECK(link_ != nullptr);
  constexpr auto kGone = ClientNews::Kind::disconnected;
  const bool was_told = !stranded_ && (logged_ || !is_opening());
  if (was_told && table_.wants(kGone)) table_.tell(news(kGone, why), logged_ && is_durable());
  if (table_.tracer() != nullptr) trace(traced_note("the connection is over"));
  link_ = nullptr;
  if (!stranded_) {
    let_go();
    if (!is_durable()) end_volatile();
    if (logged_) detach_stored(departure);
  }
  table_.leave(*this);
}

// Nothing comes to its client any more.
void Session::let_go() {
  table_.core().timers().cancel(*this);
  if (table_.spans() != nullptr) table_.spans()->forget(this);
  for (std::size_t i = 0; i < acks_.size(); ++i) {
    if (acks_[i].publication != nullptr) routing::Router::forget(*acks_[i].publication);
  }
  if (!is_opening()) {
    table_.counters().connected.sub();
    class_->connected.sub();
    if (is_durable()) table_.counters().durable_connected.sub();
  }
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const bool once = held_[i].qos == mqtt::Qos::at_most_once;
    count_drop(
        once ? table_.counters().dropped_offline_qos0 : table_.counters().dropped_session_end,
        DropCause::none);
  }
}

void Session::detach_stored(Departure departure) {
  append_acks();
  DetachedRecord record;
  record.client_id = client_id_;
  record.generation = generation_;
  record.now_ms = table_.shard_time_of(client_id_);
  record.expiry_s = expiry_s_;
  record.sent_before = sent_end_;
  record.will = departure == Departure::normal ? DetachedRecord::WillFate::discarded
                                               : DetachedRecord::WillFate::kept;
  if (is_durable()) {
    give_back_queue();
    stored_->filters.for_each([&](std::string_view text, const Subscription&) {
      const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
      if (filter && filter->is_shared()) table_.share_presence(client_id_, *filter, false);
    });
  }
  if (stored_ != nullptr) std::exchange(stored_, nullptr)->live = nullptr;
  table_.append(client_id_, std::move(record));
}

// What its client didn't finish counts as its shard's again.
void Session::give_back_queue() {
  SessionCounters& counters = table_.counters();
  counters.in_flight.sub(out_.unfinished());
  counters.queued.add(out_.unfinished());
  for (std::size_t i = out_.window(); i < out_.size(); ++i) {
    if (out_.at(i).sequence != Outgoing::kUnnumbered) continue;
    counters.queued.sub();  // retained at QoS 0: was for this connection
    counters.dropped_offline_qos0.add();
  }
  counters.queued_bytes.sub(queue_bytes_);
  table_.bytes_in_memory() -= queue_bytes_;
}

void Session::strand(std::size_t place) {
  CHECK(link_ != nullptr && !stranded_);
  let_go();
  if (is_durable()) give_back_queue();
  lose_record();
  stranded_ = true;
  stranded_place_ = place;
  out_ = {};
  held_ = {};
  acks_ = {};
  answers_ = {};
  aliases_in_.reset();
  aliases_out_.reset();
}

void Session::lose_record() {
  logged_ = false;
  if (stored_ != nullptr) std::exchange(stored_, nullptr)->live = nullptr;
}

// All that it had ends with the connection; what a share group gave it goes to another member.
void Session::end_volatile() {
  SessionCounters& counters = table_.counters();
  filters_.for_each([&](std::string_view text, const Subscription&) {
    counters.subscriptions.sub();
    const auto filter = mqtt::TopicFilter::parse(text, UINT32_MAX);
    if (!filter || !filter->is_shared()) {
      table_.unsubscribe_volatile(*this, text);
      return;
    }
    table_.share_leave(client_id_, *filter, generation_);
    counters.shared_subscriptions.sub();
  });
  counters.in_flight.sub(out_.unfinished());
  counters.queued.sub(out_.waiting());
  counters.queued_bytes.sub(queue_bytes_);
  table_.bytes_in_memory() -= queue_bytes_;
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < out_.size(); ++i) {
    const Outgoing::Entry& entry = out_.at(i);
    if (!entry.queued.message) continue;  // the client has it
    if (entry.queued.qos == mqtt::Qos::at_most_once) {
      counters.dropped_offline_qos0.add();  // a retained one that was for this connection
      continue;
    }
    // Only QoS 1: a QoS 2 message once sent ends with its member's session. [MQTT-4.8.2-5]
    const bool was_sent = entry.state != Outgoing::State::waiting;
    if (entry.queued.is_shared() && !(was_sent && entry.queued.qos == mqtt::Qos::exactly_once)) {
      table_.share_return(entry.queued.extra->share, entry.queued.message, client_id_);
    } else {
      ++lost;
    }
  }
  counters.dropped_session_end.add(lost);
  class_->dropped.add(lost);
}

void Session::arm_timer() {
  SteadyMs due = keep_alive_ms_ == 0 ? 0 : last_packet_ms_ + keep_alive_ms_;
  const SteadyMs ends = access_ == nullptr ? 0 : access_->ends_at_ms();
  if (ends != 0 && (due == 0 || ends < due)) due = ends;
  if (due != 0) table_.core().timers().arm(*this, due);
}

void Session::on_timer() {
  const SteadyMs ends = access_ == nullptr ? 0 : access_->ends_at_ms();
  if (ends != 0 && now_ms() >= ends) {
    table_.counters().access_ended.add();
    kick(ReasonCode::not_authorized, "what it was let in with has expired");
    return;
  }
  if (keep_alive_ms_ == 0 || now_ms() < last_packet_ms_ + keep_alive_ms_) {
    arm_timer();  // there were signs of life meanwhile
    return;
  }
  table_.counters().keep_alive_timeouts.add();
  kick(ReasonCode::keep_alive_timeout, "keep alive timeout");
}

}  // namespace roost::session
