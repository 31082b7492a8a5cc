// SPDX-License-Identifier: Apache-2.0
// The client's connection: opening, reading, writing, keep alive, the end.
#include "broker/client/client.h"

#include <algorithm>
#include <utility>

#include "broker/client/packet_lines.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/frame.h"

namespace roost::client {

Client::Client(Loop& loop, Endpoint endpoint, ConnectOptions options, ClientEvents& events)
    : loop_(loop), endpoint_(std::move(endpoint)), options_(std::move(options)), events_(events) {}

Client::~Client() {
  *alive_ = false;
  loop_.cancel(keep_alive_timer_);
  if (stream_) stream_->close();
}

void Client::open() {
  CHECK(state_ == State::closed);
  state_ = State::connecting;
  stream_ = make_stream(loop_, endpoint_);
  stream_->connect([this, alive = alive_](const std::string& problem) {
    if (!*alive) return;
    if (!problem.empty()) return lose(problem);
    start_session();
  });
}

void Client::start_session() {
  state_ = State::handshaking;
  aliases_.clear();
  mqtt::Connect connect;
  connect.version = options_.version;
  connect.clean_start = options_.clean_start;
  connect.keep_alive_s = options_.keep_alive_s;
  connect.client_id = options_.client_id;
  if (options_.user_name) connect.user_name = *options_.user_name;
  if (options_.password) connect.password = as_bytes(*options_.password);
  if (options_.will) {
    const WillOptions& will = *options_.will;
    connect.will = mqtt::WillFields{.topic = will.topic,
                                    .payload = as_bytes(will.payload),
                                    .qos = will.qos,
                                    .retain = will.retain,
                                    .properties = will.properties};
  }
  connect.properties = options_.properties;
  debug("sending CONNECT");
  send(connect);
  read_more();
}

void Client::read_more() {
  stream_->read([this, alive = alive_](const std::string& problem, ByteView bytes) {
    if (!*alive) return;
    if (!problem.empty()) return lose(problem);
    const auto stream = stream_;
    on_bytes(bytes);
    if (*alive && stream_ == stream && stream_) read_more();
  });
}

void Client::on_bytes(ByteView bytes) {
  const auto alive = alive_;
  in_.insert(in_.end(), bytes.begin(), bytes.end());
  if (in_.size() < wanted_) return;
  std::vector<std::uint8_t> data = std::exchange(in_, {});
  wanted_ = 0;
  ByteView rest = data;
  while (*alive && state_ != State::closed) {
    const auto result = mqtt::next_frame(rest, mqtt::kPacketSizeMax);
    if (result.status == mqtt::FrameStatus::incomplete) {
      wanted_ = result.wanted;
      break;
    }
    if (result.status != mqtt::FrameStatus::complete) return lose("malformed packet");
    const auto packet = mqtt::decode(
        result.frame, options_.version,
        {.packet_size_max = mqtt::kPacketSizeMax, .topic_levels_max = 65535}, mqtt::Sender::server);
    if (!packet) return lose(std::string("malformed packet: ") + packet.error().what);
    handle(*packet);
    rest = rest.subspan(result.frame.size());
  }
  if (!*alive || state_ == State::closed) return;
  if (rest.size() == data.size()) {
    in_ = std::move(data);  // the front of a large one isn't copied with every read
  } else {
    in_.assign(rest.begin(), rest.end());
  }
}

void Client::send(const mqtt::Packet& packet) {
  mqtt::encode(packet, options_.version, out_);
  flush();
}

void Client::flush() {
  if (!writing_.empty() || out_.empty() || !stream_) return;
  sent_since_tick_ = true;
  writing_.swap(out_);
  written_now_.swap(written_next_);
  stream_->write(writing_, [this, alive = alive_](const std::string& problem) {
    if (!*alive) return;
    if (!problem.empty()) return lose(problem);
    on_written();
  });
}

void Client::on_written() {
  writing_.clear();
  std::vector<Ticket> done;
  done.swap(written_now_);
  const auto alive = alive_;
  for (const Ticket ticket : done) {
    events_.on_published(ticket, mqtt::ReasonCode::success);
    if (!*alive) return;
  }
  flush();
  if (state_ == State::closing && writing_.empty() && out_.empty()) lose("");
}

void Client::close(mqtt::ReasonCode reason) {
  if (state_ == State::closed || state_ == State::closing) return;
  if (state_ != State::connected) {
    loop_.post([this, alive = alive_] {
      if (*alive) lose("");
    });
    return;
  }
  debug("sending DISCONNECT");
  mqtt::Disconnect packet;
  packet.reason = reason;
  state_ = State::closing;
  send(packet);
}

void Client::lose(const std::string& why) {
  if (state_ == State::closed) return;
  const bool wanted = state_ == State::closing;  // whoever hangs up first after our DISCONNECT
  state_ = State::closed;
  loop_.cancel(keep_alive_timer_);
  keep_alive_timer_ = 0;
  stream_->close();
  stream_.reset();
  in_.clear();
  wanted_ = 0;
  out_.clear();
  // The stream may still read from this memory; it ends with its operation.
  auto last = std::make_shared<std::vector<std::uint8_t>>(std::move(writing_));
  loop_.post([last] {});
  writing_.clear();
  written_next_.clear();
  written_now_.clear();
  events_.on_closed(wanted ? "" : why);
}

void Client::arm_keep_alive() {
  ping_unanswered_ticks_ = 0;
  sent_since_tick_ = false;
  schedule_tick();
}

void Client::schedule_tick() {
  if (keep_alive_s_ == 0) return;
  keep_alive_timer_ = loop_.after_ms(keep_alive_s_ * 500U, [this] { on_tick(); });
}

// Twice in every keep alive: a ping if nothing was sent since the last tick, so that the time
// between two packets stays below it. [MQTT-3.1.2-20]
void Client::on_tick() {
  keep_alive_timer_ = 0;
  if (ping_unanswered_ticks_ > 0 && ++ping_unanswered_ticks_ > kPingPatienceTicks) {
    return lose("the server doesn't answer");
  }
  if (!sent_since_tick_ && ping_unanswered_ticks_ == 0) {
    debug("sending PINGREQ");
    ping_unanswered_ticks_ = 1;
    send(mqtt::Pingreq{});
  }
  sent_since_tick_ = false;
  schedule_tick();
}

void Client::debug(const std::string& line) {
  if (debug_) events_.on_debug("Client " + options_.client_id + " " + line);
}

void Client::debug_publish(const Outgoing& message) {
  if (!debug_) return;
  const auto frame = mqtt::next_frame(message.bytes, mqtt::kPacketSizeMax).frame;
  mqtt::Publish packet;
  const mqtt::Limits limits{.packet_size_max = mqtt::kPacketSizeMax, .topic_levels_max = 65535};
  if (mqtt::decode_publish(frame, options_.version, limits, packet)) {
    debug("sending PUBLISH " + publish_line(packet));
  }
}

Ticket Client::publish(const mqtt::Publish& message) {
  Outgoing outgoing;
  outgoing.ticket = next_ticket_++;
  outgoing.qos = message.qos;
  mqtt::Publish packet = message;
  packet.dup = false;
  packet.packet_id = message.qos == mqtt::Qos::at_most_once ? 0 : 1;
  mqtt::encode(packet, options_.version, outgoing.bytes);
  const auto frame = mqtt::next_frame(outgoing.bytes, mqtt::kPacketSizeMax).frame;
  outgoing.id_at = frame.header_size + 2 + message.topic.size();
  waiting_.push_back(std::move(outgoing));
  const Ticket ticket = next_ticket_ - 1;
  if (state_ == State::connected) send_waiting();
  return ticket;
}

mqtt::PacketId Client::subscribe(mqtt::Subscribe packet) {
  CHECK(state_ == State::connected);
  packet.packet_id = next_packet_id();
  for (const auto& entry : packet.entries) {
    debug("sending SUBSCRIBE (Mid: " + std::to_string(packet.packet_id) +
          ", Topic: " + std::string(entry.filter) +
          ", QoS: " + std::to_string(static_cast<int>(entry.options.qos)) + ")");
  }
  send(packet);
  return packet.packet_id;
}

mqtt::PacketId Client::unsubscribe(mqtt::Unsubscribe packet) {
  CHECK(state_ == State::connected);
  packet.packet_id = next_packet_id();
  debug("sending UNSUBSCRIBE (Mid: " + std::to_string(packet.packet_id) + ")");
  send(packet);
  return packet.packet_id;
}

}  // namespace roost::client
