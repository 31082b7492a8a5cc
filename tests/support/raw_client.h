// SPDX-License-Identifier: Apache-2.0
// A small blocking MQTT client on a real socket, with our codec: what it is told to send it sends,
// what comes it reads, acknowledges and remembers. Its QoS 1 and 2 state outlives connections:
// connect() again resumes it. Every wait has a deadline; when it is over, so is the connection.
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/mqtt/packet.h"

namespace roost::support {

// A PUBLISH that came, its own copy.
struct Delivery {
  std::string topic;
  std::string payload;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool dup = false;
  bool retain = false;
};

class RawClient {
 public:
  static constexpr int kPatienceMs = 30'000;
  static constexpr std::size_t kWindow = 20;  // QoS 1/2 under way before publish() waits

  explicit RawClient(std::string id, mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v5);
  RawClient(RawClient&& other) noexcept;
  ~RawClient();

  // --- bytes ---
  bool open(std::uint16_t port);  // TCP to loopback
  void open_fd(int fd);           // takes a socket over
  bool is_open() const { return fd_ >= 0; }
  void drop();   // closes without a word
  void reset();  // ... with RST
  bool send_bytes(ByteView bytes);
  bool send(const mqtt::Packet& packet);
  // The next packet, untouched; its views live until the next call. None: end or deadline.
  std::optional<mqtt::Packet> receive(int timeout_ms = kPatienceMs);
  // No packet any more: FIN or RST comes within the time.
  bool receive_end();

  // --- a session ---
  mqtt::Connect hello() const;  // clean start, no keep alive; change it before connect()
  // Opens, sends CONNECT, takes CONNACK; resumes or forgets what was under way. False: refused.
  bool connect(std::uint16_t port, const mqtt::Connect& connect);
  bool connect(std::uint16_t port) { return connect(port, hello()); }
  bool session_present() const { return session_present_; }
  mqtt::ReasonCode connack_reason() const { return connack_reason_; }
  mqtt::ReasonCode subscribe(std::string_view filter, mqtt::Qos qos);  // SUBACK's
  bool unsubscribe(std::string_view filter);
  // QoS 1/2: remembered until it is acknowledged, over connections too.
  bool publish(std::string_view topic, std::string_view payload, mqtt::Qos qos,
               bool retain = false);
  bool step(int timeout_ms = kPatienceMs);  // one packet, acted upon
  bool settle();                            // until everything published is acknowledged
  bool ping();                              // and what came before its answer
  bool wait_for(std::size_t deliveries);    // in all
  void disconnect();                        // DISCONNECT, then waits for the other end

  std::size_t unacknowledged() const { return under_way_.size(); }
  const std::vector<Delivery>& deliveries() const { return deliveries_; }
  // 0x00 until a DISCONNECT came.
  mqtt::ReasonCode told() const { return told_; }

 private:
  struct UnderWay {
    mqtt::PacketId id = 0;
    std::string topic, payload;
    mqtt::Qos qos = mqtt::Qos::at_least_once;
    bool retain = false;
    bool released = false;  // PUBREC came, PUBREL is out
  };

  bool fill(std::int64_t deadline_ms);
  bool send_under_way(const UnderWay& one, bool dup);
  void act(const mqtt::Packet& packet);
  void act(const mqtt::Publish& publish);
  void act(const mqtt::Ack& ack);
  void answer(mqtt::PacketType type, mqtt::PacketId id);
  bool until(const bool& flag);

  const std::string id_;
  const mqtt::ProtocolVersion version_;
  int fd_ = -1;
  std::vector<std::uint8_t> buffer_;
  std::size_t taken_ = 0;  // bytes at its front that were packets already
  bool session_present_ = false;
  mqtt::ReasonCode connack_reason_ = mqtt::ReasonCode::unspecified_error;
  mqtt::ReasonCode suback_ = mqtt::ReasonCode::unspecified_error;
  mqtt::ReasonCode told_ = mqtt::ReasonCode::success;
  bool answered_ = false;  // SUBACK, UNSUBACK or PINGRESP came
  mqtt::PacketId last_id_ = 0;
  std::deque<UnderWay> under_way_;
  std::set<mqtt::PacketId> received_;  // QoS 2, waiting for PUBREL
  std::vector<Delivery> deliveries_;
};

// Joined texts of the deliveries on `topic`, in their order.
std::vector<std::string> payloads_of(const RawClient& client, std::string_view topic);

}  // namespace roost::support
