// SPDX-License-Identifier: Apache-2.0
// A client of support::Broker: sends packets through the real codec into its session, reads what
// the session answers as lines for people:
//   "CONNACK 00 present" "a/b=21.5 q1 #7 dup retain ids=1,2 expiry=9 alias=3" "PUBREC 5 92"
//   "SUBACK 1 00 01" "PINGRESP" "DISCONNECT 8E" "CLOSED"
// On the way it checks what must hold for every stream: Receive Maximum and Maximum Packet Size
// kept, aliases known, DUP never on an id's first delivery.
// Thread: core-bound. Owner: the test; must not outlive the broker.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/session/broker.h"
#include "tests/support/fake_link.h"
#include "tests/support/hello.h"
#include "tests/support/line_of.h"

namespace roost::support {

using Lines = std::vector<std::string>;

class Client {
 public:
  Client(Broker& broker, std::string_view id) : broker_(broker), id_(id) {}
  // CONNECT at once, CONNACK taken.
  Client(Broker& broker, std::string_view id, const Hello& hello);

  ~Client() {
    if (is_connected()) vanish();
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& id() const { return id_; }
  CoreId core() const { return broker_.core_of(id_); }
  bool is_connected() const { return session_ != nullptr && !link_->is_closed(); }
  FakeLink& link() { return *link_; }
  session::Session& session() { return *session_; }

  // Each of these sends and lets the broker settle (or not: see manual).
  void connect(const Hello& hello);
  void send(const mqtt::Packet& packet);
  void publish(Pub publish);  // packet id: the next one where it says none
  void subscribe(const Sub& one) { subscribe(std::vector<Sub>{one}); }
  void subscribe(const std::vector<Sub>& several);  // identifier: the first one's
  void unsubscribe(const std::vector<std::string_view>& filters);
  void ack(mqtt::PacketType type, mqtt::PacketId id,
           mqtt::ReasonCode reason = mqtt::ReasonCode::success);
  void puback(mqtt::PacketId id) { ack(mqtt::PacketType::puback, id); }
  void pubrec(mqtt::PacketId id) { ack(mqtt::PacketType::pubrec, id); }
  void pubrel(mqtt::PacketId id) { ack(mqtt::PacketType::pubrel, id); }
  void pubcomp(mqtt::PacketId id) { ack(mqtt::PacketType::pubcomp, id); }
  void disconnect(mqtt::ReasonCode reason = mqtt::ReasonCode::success);
  void disconnect_with_expiry(std::uint32_t s);
  void vanish();  // the connection is lost
  // From now on after `packets` the client doesn't read; then it reads again.
  void stop_reading(std::size_t packets = 0) { link_->congest_after(packets); }
  void read_on(std::optional<std::size_t> packets = std::nullopt);

  // What came since the last call of either; `got` as lines.
  std::vector<mqtt::Packet> take();
  Lines got();
  // Another object of this client was sent the ids up to `last`: they come again, DUP set.
  void was_sent(mqtt::PacketId last) {
    for (mqtt::PacketId id = 1; id <= last; ++id) seen_.insert(id);
  }
  // Acknowledges all that comes until nothing comes any more; the PUBLISHes' lines.
  Lines finish_all();

  // True: nothing settles by itself; steps are the test's.
  bool manual = false;
  // Of the listener that its next CONNECT comes through.
  session::AckMode ack_mode = session::AckMode::quorum;
  session::Access* access = nullptr;  // of its next CONNECT; null: everything is allowed

 private:
  void settle() {
    if (!manual) broker_.settle();
  }
  template <typename Work>
  void in_turn(Work work);
  void hand(const mqtt::Packet& packet);
  void check(mqtt::Publish& publish);
  void answer(const mqtt::Packet& packet);

  Broker& broker_;
  std::string id_;
  std::vector<std::unique_ptr<FakeLink>> links_;  // earlier ones too: packets look into them
  FakeLink* link_ = nullptr;
  session::Session* session_ = nullptr;
  mqtt::ProtocolVersion version_ = mqtt::ProtocolVersion::v5;
  mqtt::PacketId last_id_ = 0;
  bool close_told_ = false;
  std::uint32_t receive_max_ = 65535;
  std::uint32_t packet_max_ = mqtt::kPacketSizeMax;
  std::uint16_t alias_max_ = 0;
  std::map<std::uint16_t, std::string_view> aliases_;
  std::set<mqtt::PacketId> open_;  // QoS 1/2 towards us on this connection
  std::set<mqtt::PacketId> seen_;  // ... and unfinished on any
};

}  // namespace roost::support
