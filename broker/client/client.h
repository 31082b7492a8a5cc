// SPDX-License-Identifier: Apache-2.0
// A small MQTT client for 3.1, 3.1.1 and 5.0: what `roost pub` and `roost sub` and the tests use.
// Messages are sent in order; those of QoS 1 and 2 wait for the server's Receive Maximum and are
// sent again after a reconnect into the same session.
// Thread: own thread (its loop's).
// Owner: the command or test; may be destroyed at any time except inside a callback.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/client/loop.h"
#include "broker/client/options.h"
#include "broker/client/stream.h"
#include "broker/mqtt/packet.h"

namespace roost::client {

// Names one publish() until its outcome is known.
using Ticket = std::uint64_t;

// All are called from the loop; views are valid during the call.
class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  // CONNACK, with success or without; without, on_closed follows.
  virtual void on_connack(const mqtt::Connack&) {}
  // The connection ended, or never was; open() may be called again, from the loop's next turn on.
  virtual void on_closed(const std::string& why) = 0;
  virtual void on_message(const mqtt::Publish&) {}
  virtual void on_suback(const mqtt::Suback&) {}
  virtual void on_unsuback(const mqtt::Unsuback&) {}
  // QoS 0: written. QoS 1 and 2: acknowledged to the end.
  virtual void on_published(Ticket, mqtt::ReasonCode) {}
  // The server said goodbye (v5).
  virtual void on_disconnect(const mqtt::Disconnect&) {}
  // One line per packet, in mosquitto's words; only asked for with want_debug().
  virtual void on_debug(const std::string&) {}
};

class Client {
 public:
  Client(Loop& loop, Endpoint endpoint, ConnectOptions options, ClientEvents& events);
  ~Client();  // closes the socket without DISCONNECT
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void want_debug() { debug_ = true; }

  // Connects. Requires: not open.
  void open();
  // Writes what waits, then DISCONNECT, then closes; on_closed("") follows.
  void close(mqtt::ReasonCode reason = mqtt::ReasonCode::success);
  bool is_connected() const { return state_ == State::connected; }

  // Queued until connected. The packet id is the client's business.
  Ticket publish(const mqtt::Publish& message);
  // Requires: connected. Sets the packet id.
  mqtt::PacketId subscribe(mqtt::Subscribe packet);
  mqtt::PacketId unsubscribe(mqtt::Unsubscribe packet);

  // Messages published and not yet finished.
  std::size_t unfinished() const {
    return waiting_.size() + inflight_.size() + written_next_.size() + written_now_.size();
  }
  // As the server assigned it, if it did.
  const std::string& client_id() const { return options_.client_id; }
  ConnectOptions& options() { return options_; }

 private:
  static constexpr std::size_t kInflightMax = 100;
  static constexpr int kPingPatienceTicks = 3;  // 1.5 keep alives

  enum class State : std::uint8_t { closed, connecting, handshaking, connected, closing };
  struct Outgoing {
    Ticket ticket = 0;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    mqtt::PacketId packet_id = 0;
    bool released = false;  // QoS 2: PUBREC came
    std::size_t id_at = 0;  // where the packet id stands in `bytes`
    std::vector<std::uint8_t> bytes;
  };

  // client.cc: connecting, reading, writing
  void start_session();
  void read_more();
  void on_bytes(ByteView bytes);
  void send(const mqtt::Packet& packet);
  void flush();
  void on_written();
  void lose(const std::string& why);
  void arm_keep_alive();
  void schedule_tick();
  void on_tick();
  void debug(const std::string& line);
  void debug_publish(const Outgoing& message);

  // client_packets.cc: what packets mean
  void handle(const mqtt::Packet& packet);
  void on_connack(const mqtt::Connack& connack);
  void on_publish(const mqtt::Publish& message);
  void on_ack(const mqtt::Ack& ack);
  void send_ack(mqtt::PacketType type, mqtt::PacketId id);
  void send_waiting();
  void resend(bool session_present);
  void finish(std::size_t inflight_index, mqtt::ReasonCode reason);
  mqtt::PacketId next_packet_id();

  Loop& loop_;
  const Endpoint endpoint_;
  ConnectOptions options_;
  ClientEvents& events_;
  bool debug_ = false;
  State state_ = State::closed;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::vector<std::uint8_t> in_;
  std::uint64_t wanted_ = 0;  // bytes of the packet in front of in_, once known
  std::vector<std::uint8_t> out_, writing_;
  std::vector<Ticket> written_next_, written_now_;  // QoS 0 in out_ and in writing_

  Ticket next_ticket_ = 1;
  mqtt::PacketId last_packet_id_ = 0;
  std::deque<Outgoing> waiting_;
  std::deque<Outgoing> inflight_;            // in the order sent
  std::size_t inflight_max_ = kInflightMax;  // or the server's Receive Maximum
  std::unique_ptr<std::bitset<65536>> awaiting_release_;
  std::vector<std::string> aliases_;  // topics of the server's aliases, this connection

  std::uint16_t keep_alive_s_ = 0;
  int ping_unanswered_ticks_ = 0;
  bool sent_since_tick_ = false;
  Loop::TimerId keep_alive_timer_ = 0;
};

}  // namespace roost::client
