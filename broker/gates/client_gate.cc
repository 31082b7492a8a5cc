// SPDX-License-Identifier: Apache-2.0
// Frames of a connected client, and the session's Link. CONNECT is in greeting.cc.
#include "broker/gates/client_gate.h"

#include <algorithm>
#include <utility>

#include "broker/gates/enhanced_session.h"
#include "broker/gates/gates.h"
#include "broker/gates/greeting.h"
#include "broker/gates/relay_front.h"
#include "broker/gates/session_frames.h"

namespace roost::gates {

namespace {

constexpr std::uint8_t kConnectByte = 0x10;  // type 1, flags 0 [MQTT-3.1.0-1]

}  // namespace

ClientGate::ClientGate(Gates& gates, const GateListener& listener,
                       net::DetachedConnection connection, bool admitted,
                       auth::IdentityPtr identity, std::string authentication_data)
    : gates_(gates),
      listener_(listener),
      serial_(gates.next_serial()),
      greeting_(std::make_unique<Greeting>(*this)) {
  greeting_->admitted = admitted;
  greeting_->identity = std::move(identity);
  greeting_->authentication_data = std::move(authentication_data);
  gates_.core().timers().arm(
      *greeting_, gates_.core().now_ms() + static_cast<SteadyMs>(listener.connect_timeout_ms));
  connection_ = std::make_unique<net::Connection>(gates_.core(), std::move(connection),
                                                  static_cast<net::ConnectionEvents&>(*this),
                                                  gates_.net_counters());
}

ClientGate::~ClientGate() = default;

session::Access* ClientGate::access() { return access_.get(); }

std::size_t ClientGate::on_bytes(ByteView bytes, std::uint64_t& wanted) {
  std::size_t consumed = 0;
  if (gone_ || is_opening() || is_waiting()) return 0;
  if (session_ == nullptr && greeting_ == nullptr) return relay(bytes);
  if (session_ == nullptr && !is_exchanging() && !bytes.empty() && bytes[0] != kConnectByte) {
    not_connect();  // not worth waiting for a whole packet: it may be HTTP
    return 0;
  }
  while (!gone_ && !paused_ && !is_opening() && !is_waiting()) {
    const mqtt::FrameResult found = mqtt::next_frame(bytes.subspan(consumed), packet_size_now());
    if (found.status == mqtt::FrameStatus::incomplete) {
      wanted = found.wanted;
      break;
    }
    if (found.status != mqtt::FrameStatus::complete) {
      on_bad_frame(found.status);
      break;
    }
    if (!on_frame(found.frame)) break;
    consumed += found.frame.size();
  }
  if (session_ != nullptr && !gone_ && !paused_ && !is_opening() && gates_.is_congested()) {
    paused_ = true;
    connection_->pause_reading();
    gates_.pause(*this);
  }
  return consumed;
}

// Memory for who hasn't said who he is: what a CONNECT needs.
std::uint32_t ClientGate::packet_size_now() const {
  const std::uint32_t largest = listener_.limits.packet_size_max;
  return session_ == nullptr ? std::min(largest, listener_.connect_size_max) : largest;
}

void ClientGate::on_bad_frame(mqtt::FrameStatus status) {
  if (session_ != nullptr) {
    refuse_frame(*session_, status);
    return;
  }
  GateCounters& counters = gates_.counters();
  const bool is_large = status == mqtt::FrameStatus::too_large;
  (is_large ? counters.refused_too_large : counters.refused_malformed).add();
  refuse_silently(why_refused(status));
}

// False: the frame must not be counted as consumed (its bytes moved away with the connection).
bool ClientGate::on_frame(const mqtt::Frame& frame) {
  // A CONNECT that moved was counted where it came from.
  if (greeting_ == nullptr || !greeting_->admitted) gates_.sessions().counters().packets_in.add();
  if (is_exchanging()) {
    on_auth(frame);
    return !gone_;
  }
  if (session_ == nullptr) {
    greet(frame);
    return !gone_;
  }
  if (handle_auth(frame)) return true;
  static constexpr auto kShare = [](void* connection) {
    return static_cast<net::Connection*>(connection)->share_offered();
  };
  handle_frame(*session_, frame, version_, listener_.limits, gates_.scratch(),
               {connection_.get(), kShare});
  if (rate_ != nullptr && frame.type() == mqtt::PacketType::publish) count_publish(frame.size());
  return true;
}

// Who is over its rate isn't read until it is in time, or sent off.
void ClientGate::count_publish(std::size_t bytes) {
  if (rate_->take(bytes, gates_.core().now_ms()) || gone_ || session_ == nullptr) return;
  gates_.counters().rate_exceeded.add();
  if (gates_.common().limits.disconnects) {
    session_->kick(mqtt::ReasonCode::message_rate_too_high, "publishes faster than it may");
    return;
  }
  paused_ = true;
  connection_->pause_reading();
  gates_.pause(*this);
}

bool ClientGate::is_too_fast() const {
  return rate_ != nullptr && gates_.core().now_ms() < rate_->ready_ms();
}

bool ClientGate::is_banned() const {
  auth::BanList& bans = *gates_.common().bans;
  const std::string_view id = session_ != nullptr  ? std::string_view(session_->client_id())
                              : client_ != nullptr ? std::string_view(client_->client_id)
                                                   : std::string_view();
  return bans.has_client(id) || bans.has_user(user_place_.user()) ||
         bans.has_address(net::host_of(connection_->peer().address));
}

void ClientGate::end_banned() {
  static constexpr std::string_view kWhy = "banned";
  if (session_ != nullptr) {
    session_->kick(mqtt::ReasonCode::administrative_action, kWhy);
  } else if (client_ != nullptr && greeting_ == nullptr) {
    send_off(mqtt::ReasonCode::administrative_action, {}, kWhy);
  } else {
    close(kWhy);
  }
}

bool ClientGate::is_exchanging() const {
  return greeting_ != nullptr && greeting_->exchange != nullptr;
}

bool ClientGate::is_waiting() const {
  return greeting_ != nullptr && (greeting_->asking || greeting_->deciding);
}

void ClientGate::on_drained() {
  if (session_ != nullptr) {
    session_->on_drained();
  } else if (client_ != nullptr) {
    gates_.relay()->drained(*client_);
  }
}

void ClientGate::note_loss(std::string_view client_id) {
  if (!ended_well_) gates_.losses().add(client_id, gates_.core().now_ms());
}

void ClientGate::on_closed(net::CloseReason reason) {
  static constexpr std::string_view kWhy[] = {"connection closed by client", "connection reset",
                                              "closed", "transport error", "timeout"};
  const std::string_view why = kWhy[static_cast<std::size_t>(reason)];
  if (!gone_ && !who_.empty()) log("disconnected", who_, why);
  if (session_ != nullptr) {
    note_loss(session_->client_id());
    std::exchange(session_, nullptr)->connection_lost(why);
  } else if (client_ != nullptr && greeting_ == nullptr) {
    note_loss(client_->client_id);
  }
  if (client_ != nullptr) gates_.relay()->lost(*std::exchange(client_, nullptr), why);
  gone_ = true;
  if (listener_.listener != nullptr) listener_.listener->connection_closed();
  gates_.bury(*this);
}

std::uint8_t* ClientGate::room(std::size_t size) { return connection_->write_room(size); }

void ClientGate::send_payload(ByteView payload, const routing::MessagePtr& owner) {
  connection_->write_shared(payload, SharedPtr<const SharedBlock>::share(owner.get()));
}

void ClientGate::describe(session::ClientFacts& facts) const {
  facts.user = user_place_.user();
  facts.listener = listener_.name;
  facts.address = connection_->peer().address;
}

bool ClientGate::is_congested() const { return connection_->is_congested(); }

void ClientGate::close(std::string_view why) {
  if (gone_) return;
  gone_ = true;
  if (!who_.empty()) log("disconnected", who_, why);
  // Its DISCONNECT may be behind the CONNECT of its next connection: then it is no war.
  if (why == session::kTakenOver && session_ != nullptr && !connection_->peer_has_closed()) {
    note_loss(session_->client_id());
  }
  session_ = nullptr;
  if (client_ != nullptr) gates_.relay()->lost(*std::exchange(client_, nullptr), why);
  connection_->close();
}

}  // namespace roost::gates
