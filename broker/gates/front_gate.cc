// SPDX-License-Identifier: Apache-2.0
// ClientGate in a cluster: what became of its CONNECT, and bytes to and from a session elsewhere.
#include <algorithm>
#include <iterator>
#include <vector>

#include "broker/base/check.h"
#include "broker/gates/client_gate.h"
#include "broker/gates/gates.h"
#include "broker/gates/greeting.h"
#include "broker/gates/relay_front.h"
#include "broker/mqtt/encode.h"

namespace roost::gates {

using mqtt::ReasonCode;

namespace {

// It was read before: by this gate.
mqtt::Connect read_again(ByteView bytes, const mqtt::Limits& limits) {
  const auto found = mqtt::next_frame(bytes, limits.packet_size_max);
  const auto packet = mqtt::decode(found.frame, mqtt::ProtocolVersion::v3_1_1, limits);
  CHECK(packet.has_value());
  return std::get<mqtt::Connect>(*packet);
}

}  // namespace

void ClientGate::begin_here(ByteView bytes, std::string_view assigned) {
  const mqtt::Connect connect = read_again(bytes, listener_.limits);
  set_access(connect, assigned);
  greeted(connect, assigned);
  session_ = &gates_.sessions().connect(connect, *this, assigned, listener_.ack);
}

void ClientGate::begin_granted(ByteView bytes, std::string_view assigned,
                               const session::Generation& generation) {
  const mqtt::Connect connect = read_again(bytes, listener_.limits);
  set_access(connect, assigned);
  greeted(connect, assigned);
  session_ = &gates_.sessions().connect_here(connect, *this, assigned, listener_.ack, generation);
}

void ClientGate::begin_relayed(ByteView bytes, std::string_view assigned) {
  greeted(read_again(bytes, listener_.limits), assigned);
  connection_->resume_reading();
}

void ClientGate::refuse_unserved(ByteView bytes) {
  const mqtt::Connect connect = read_again(bytes, listener_.limits);
  refuse(version_, ReasonCode::server_unavailable, "no leader of its shard", &connect);
}

std::size_t ClientGate::relay(ByteView bytes) {
  if (client_ == nullptr || paused_) return 0;
  // What is relayed isn't read here; a plain DISCONNECT is known by its bytes.
  static constexpr std::uint8_t kDisconnect[] = {0xE0, 0};
  ended_well_ = bytes.size() >= std::size(kDisconnect) &&
                std::equal(std::begin(kDisconnect), std::end(kDisconnect), bytes.end() - 2);
  const std::size_t taken = gates_.relay()->take(*client_, bytes);
  if (gates_.relay()->is_congested(*client_)) {
    paused_ = true;
    connection_->pause_reading();
    gates_.pause(*this);
  }
  return taken;
}

bool ClientGate::write(ByteView bytes) {
  connection_->write(bytes);
  return !connection_->is_congested();
}

void ClientGate::departs(session::Departure departure) {
  ended_well_ = true;
  if (client_ != nullptr) client_->departure = departure;
}

void ClientGate::kick(ReasonCode reason, std::string_view why) {
  if (session_ != nullptr) session_->kick(reason, why);
}

void ClientGate::send_off(ReasonCode reason, std::string_view server_reference,
                          std::string_view why) {
  if (version_ == mqtt::ProtocolVersion::v5) {
    mqtt::Disconnect disconnect;
    disconnect.reason = reason;
    if (reason == ReasonCode::use_another_server) {
      disconnect.properties.server_reference = server_reference;
      disconnect.properties.mark(mqtt::PropertyId::server_reference);
    }
    std::vector<std::uint8_t> bytes;
    mqtt::encode(disconnect, version_, bytes);
    gates_.sessions().counters().packets_out.add();
    connection_->write(bytes);
  }
  close(why);
}

}  // namespace roost::gates
