// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/clock.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"

namespace roost::support {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;

namespace {

SteadyMs now_ms() { return SystemClock().steady_ms(); }

}  // namespace

RawClient::RawClient(std::string id, mqtt::ProtocolVersion version)
    : id_(std::move(id)), version_(version) {}

RawClient::RawClient(RawClient&& other) noexcept
    : id_(other.id_), version_(other.version_), fd_(std::exchange(other.fd_, -1)) {
  CHECK(other.buffer_.empty() && other.deliveries_.empty());  // moved before use only
}

RawClient::~RawClient() { drop(); }

// --- bytes ---

bool RawClient::open(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(fd);
    return false;
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  open_fd(fd);
  return true;
}

void RawClient::open_fd(int fd) {
  drop();
  fd_ = fd;
  const timeval patience{kPatienceMs / 1000, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

void RawClient::drop() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  buffer_.clear();
  taken_ = 0;
}

void RawClient::reset() {
  const linger none{1, 0};
  if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  drop();
}

bool RawClient::send_bytes(ByteView bytes) {
  while (fd_ >= 0 && !bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return fd_ >= 0;
}

bool RawClient::send(const mqtt::Packet& packet) {
  std::vector<std::uint8_t> bytes;
  mqtt::encode(packet, version_, bytes);
  return send_bytes(bytes);
}

bool RawClient::fill(std::int64_t deadline_ms) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  for (;;) {
    pollfd poll{fd_, POLLIN, 0};
    const auto left_ms = static_cast<int>(std::max<SteadyMs>(0, deadline_ms - now_ms()));
    const int ready = ::poll(&poll, 1, left_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    std::uint8_t room[16 * 1024];
    const auto got = ::recv(fd_, room, sizeof(room), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      drop();
      return false;
    }
    buffer_.insert(buffer_.end(), room, room + got);
    return true;
  }
}

std::optional<mqtt::Packet> RawClient::receive(int timeout_ms) {
  const SteadyMs deadline_ms = now_ms() + timeout_ms;
  while (fd_ >= 0) {
    const ByteView rest = ByteView(buffer_).subspan(taken_);
    const mqtt::FrameResult found = mqtt::next_frame(rest, mqtt::kPacketSizeMax);
    if (found.status == mqtt::FrameStatus::complete) {
      taken_ += found.frame.size();
      auto packet =
          mqtt::decode(found.frame, version_, {mqtt::kPacketSizeMax, 65535}, mqtt::Sender::server);
      CHECK(packet.has_value());  // the broker sends what may be sent
      return std::move(*packet);
    }
    CHECK(found.status == mqtt::FrameStatus::incomplete);
    if (!fill(deadline_ms)) break;
  }
  return std::nullopt;
}

bool RawClient::receive_end() { return !receive().has_value() && fd_ < 0; }

// --- a session ---

mqtt::Connect RawClient::hello() const {
  mqtt::Connect connect;
  connect.version = version_;
  connect.client_id = id_;
  return connect;
}

bool RawClient::connect(std::uint16_t port, const mqtt::Connect& connect) {
  drop();
  told_ = ReasonCode::success;
  if (!open(port) || !send(connect)) return false;
  const auto packet = receive();
  const auto* connack = packet ? std::get_if<mqtt::Connack>(&*packet) : nullptr;
  if (connack == nullptr) return false;
  connack_reason_ = connack->reason;
  session_present_ = connack->session_present;
  if (connack_reason_ != ReasonCode::success) return false;
  if (!session_present_) {
    received_.clear();
    // What is unknown to the broker is published once more, as QoS 2 begins anew.
    for (UnderWay& one : under_way_) one.released = false;
  }
  for (const UnderWay& one : under_way_) send_under_way(one, session_present_);
  return true;
}

bool RawClient::until(const bool& flag) {
  while (!flag) {
    if (!step()) return false;
  }
  return true;
}

ReasonCode RawClient::subscribe(std::string_view filter, Qos qos) {
  mqtt::Subscribe subscribe;
  subscribe.packet_id = 0xFFFF;
  subscribe.entries.push_back({filter, {}});
  subscribe.entries.back().options.qos = qos;
  answered_ = false;
  if (!send(subscribe) || !until(answered_)) return ReasonCode::unspecified_error;
  return suback_;
}

bool RawClient::unsubscribe(std::string_view filter) {
  mqtt::Unsubscribe unsubscribe;
  unsubscribe.packet_id = 0xFFFF;
  unsubscribe.filters.push_back(filter);
  answered_ = false;
  return send(unsubscribe) && until(answered_);
}

bool RawClient::publish(std::string_view topic, std::string_view payload, Qos qos, bool retain) {
  UnderWay one;
  one.topic = topic;
  one.payload = payload;
  one.qos = qos;
  one.retain = retain;
  if (qos == Qos::at_most_once) return send_under_way(one, false);
  while (under_way_.size() >= kWindow) {
    if (!step()) return false;
  }
  last_id_ = static_cast<mqtt::PacketId>(last_id_ % 60'000 + 1);
  one.id = last_id_;
  under_way_.push_back(one);
  return send_under_way(under_way_.back(), false);
}

bool RawClient::send_under_way(const UnderWay& one, bool dup) {
  if (one.released) {
    answer(PacketType::pubrel, one.id);
    return fd_ >= 0;
  }
  mqtt::Publish publish;
  publish.topic = one.topic;
  publish.payload = as_bytes(one.payload);
  publish.qos = one.qos;
  publish.retain = one.retain;
  publish.packet_id = one.id;
  publish.dup = dup;
  return send(publish);
}

bool RawClient::step(int timeout_ms) {
  const auto packet = receive(timeout_ms);
  if (packet) act(*packet);
  return packet.has_value();
}

bool RawClient::settle() {
  while (!under_way_.empty()) {
    if (!step()) return false;
  }
  return true;
}

bool RawClient::ping() {
  answered_ = false;
  return send(mqtt::Pingreq{}) && until(answered_);
}

bool RawClient::wait_for(std::size_t deliveries) {
  while (deliveries_.size() < deliveries) {
    if (!step()) return false;
  }
  return true;
}

void RawClient::disconnect() {
  if (!send(mqtt::Disconnect{})) return;
  while (step()) {
  }
  drop();
}

void RawClient::act(const mqtt::Packet& packet) {
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
    act(*publish);
  } else if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) {
    act(*ack);
  } else if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&packet)) {
    told_ = disconnect->reason;
  } else {
    const auto* suback = std::get_if<mqtt::Suback>(&packet);
    if (suback != nullptr) suback_ = suback->reasons.at(0);
    answered_ = true;
  }
}

void RawClient::act(const mqtt::Publish& publish) {
  const bool again =
      publish.qos == Qos::exactly_once && !received_.insert(publish.packet_id).second;
  if (!again) {
    deliveries_.push_back({std::string(publish.topic), std::string(as_text(publish.payload)),
                           publish.qos, publish.dup, publish.retain});
  }
  if (publish.qos == Qos::at_least_once) answer(PacketType::puback, publish.packet_id);
  if (publish.qos == Qos::exactly_once) answer(PacketType::pubrec, publish.packet_id);
}

void RawClient::act(const mqtt::Ack& ack) {
  if (ack.type == PacketType::pubrel) {
    received_.erase(ack.packet_id);
    answer(PacketType::pubcomp, ack.packet_id);
    return;
  }
  const auto at = std::find_if(under_way_.begin(), under_way_.end(),
                               [&](const UnderWay& one) { return one.id == ack.packet_id; });
  if (at == under_way_.end()) return;
  if (ack.type == PacketType::pubrec && !mqtt::is_error(ack.reason)) {
    at->released = true;
    answer(PacketType::pubrel, ack.packet_id);
  } else {
    under_way_.erase(at);
  }
}

void RawClient::answer(PacketType type, mqtt::PacketId id) {
  std::uint8_t bytes[mqtt::kAckSizeMax];
  const std::size_t size = mqtt::encode_ack(type, id, ReasonCode::success, version_, bytes);
  send_bytes({bytes, size});
}

std::vector<std::string> payloads_of(const RawClient& client, std::string_view topic) {
  std::vector<std::string> payloads;
  for (const Delivery& each : client.deliveries()) {
    if (each.topic == topic) payloads.push_back(each.payload);
  }
  return payloads;
}

}  // namespace roost::support
