// SPDX-License-Identifier: Apache-2.0
// The client against a server that follows a script, over a Unix socket.
#include "broker/client/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/frame.h"

namespace roost::client {
namespace {

using mqtt::PacketType;
using mqtt::ProtocolVersion;
using mqtt::Qos;

// One accepted connection, read and written in blocking calls of at most five seconds.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const timeval patience{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Peer() { ::close(fd_); }

  void send(const mqtt::Packet& packet) {
    std::vector<std::uint8_t> out;
    mqtt::encode(packet, ProtocolVersion::v5, out);
    EXPECT_EQ(::send(fd_, out.data(), out.size(), MSG_NOSIGNAL), static_cast<ssize_t>(out.size()));
  }

  // The next packet, which must be of this type; valid until the next call.
  mqtt::Packet expect(PacketType type) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    while (true) {
      const auto result = mqtt::next_frame(bytes_, mqtt::kPacketSizeMax);
      if (result.status == mqtt::FrameStatus::complete) {
        taken_ = result.frame.size();
        EXPECT_EQ(result.frame.type(), type);
        auto packet = mqtt::decode(result.frame, ProtocolVersion::v5, {});
        EXPECT_TRUE(packet);
        return packet ? *packet : mqtt::Packet(mqtt::Pingreq{});
      }
      std::uint8_t buffer[4096];
      const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0) {
        ADD_FAILURE() << "no packet of type " << static_cast<int>(type);
        return mqtt::Pingreq{};
      }
      bytes_.insert(bytes_.end(), buffer, buffer + size);
    }
  }

  mqtt::PacketId expect_publish(bool dup) {
    const auto packet = expect(PacketType::publish);
    const auto* publish = std::get_if<mqtt::Publish>(&packet);
    if (publish == nullptr) return 0;
    EXPECT_EQ(publish->dup, dup);
    return publish->packet_id;
  }

  void ack(PacketType type, mqtt::PacketId id) {
    mqtt::Ack packet;
    packet.type = type;
    packet.packet_id = id;
    send(packet);
  }

 private:
  int fd_;
  std::vector<std::uint8_t> bytes_;
  std::size_t taken_ = 0;
};

class ClientTest : public testing::Test, public ClientEvents {
 protected:
  ClientTest() {
    char folder[] = "/tmp/roost-client-XXXXXX";
    folder_ = mkdtemp(folder);
    endpoint_.transport = Transport::unix_socket;
    endpoint_.unix_path = folder_ + "/socket";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    endpoint_.unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 5), 0);
    options_.version = ProtocolVersion::v5;
    options_.client_id = "me";
  }

  ~ClientTest() override {
    ::close(listener_);
    ::unlink(endpoint_.unix_path.c_str());
    ::rmdir(folder_.c_str());
  }

  // Runs the client's loop beside the script until the connection is over.
  void run(const std::function<void(int listener)>& script) {
    std::thread server([&] { script(listener_); });
    client_.emplace(loop_, endpoint_, options_, *this);
    client_->open();
    loop_.run();
    server.join();
  }

  void on_connack(const mqtt::Connack&) override {
    if (connected_) connected_();
  }
  void on_closed(const std::string& why) override {
    why_ = why;
    if (--connections_ == 0) return loop_.stop();
    loop_.post([this] { client_->open(); });
  }
  void on_message(const mqtt::Publish& message) override {
    received_.emplace_back(std::string(message.topic) + "=" +
                           std::string(as_text(message.payload)));
  }
  void on_published(Ticket, mqtt::ReasonCode) override {
    if (++published_ == close_after_) client_->close();
  }

  void publish(std::string_view payload, Qos qos) {
    mqtt::Publish message;
    message.topic = "t";
    message.payload = as_bytes(payload);
    message.qos = qos;
    client_->publish(message);
  }

  std::string folder_;
  int listener_ = -1;
  Endpoint endpoint_;
  ConnectOptions options_;
  Loop loop_;
  std::optional<Client> client_;
  std::function<void()> connected_;
  int connections_ = 1;
  int published_ = 0;
  int close_after_ = -1;
  std::vector<std::string> received_;
  std::string why_;
};

Peer accept_session(int listener, bool session_present = false, std::uint16_t receive_maximum = 0) {
  Peer peer(::accept(listener, nullptr, nullptr));
  peer.expect(PacketType::connect);
  mqtt::Connack connack;
  connack.session_present = session_present;
  if (receive_maximum > 0) {
    connack.properties.receive_maximum = receive_maximum;
    connack.properties.mark(mqtt::PropertyId::receive_maximum);
  }
  peer.send(connack);
  return peer;
}

TEST_F(ClientTest, FinishesQos0WhenWrittenAndQos1And2WhenAcknowledged) {
  connected_ = [this] {
    publish("0", Qos::at_most_once);
    publish("1", Qos::at_least_once);
    publish("2", Qos::exactly_once);
  };
  close_after_ = 3;
  run([](int listener) {
    Peer peer = accept_session(listener);
    peer.expect_publish(false);
    peer.ack(PacketType::puback, peer.expect_publish(false));
    const auto id = peer.expect_publish(false);
    peer.ack(PacketType::pubrec, id);
    peer.expect(PacketType::pubrel);
    peer.ack(PacketType::pubcomp, id);
    peer.expect(PacketType::disconnect);
  });
  EXPECT_EQ(published_, 3);
  EXPECT_EQ(why_, "");
}

TEST_F(ClientTest, KeepsToTheServersReceiveMaximum) {
  connected_ = [this] {
    for (int i = 0; i < 3; ++i) publish("x", Qos::at_least_once);
    publish("last", Qos::at_most_once);
  };
  close_after_ = 4;
  run([](int listener) {
    Peer peer = accept_session(listener, false, 1);
    for (int i = 0; i < 3; ++i) peer.ack(PacketType::puback, peer.expect_publish(false));
    peer.expect_publish(false);
    peer.expect(PacketType::disconnect);
  });
}

TEST_F(ClientTest, SendsAgainInOrderUnderTheSameIdsAfterAReconnect) {
  connected_ = [this] {
    connected_ = nullptr;
    publish("a", Qos::at_least_once);
    publish("b", Qos::exactly_once);
  };
  connections_ = 2;
  close_after_ = 2;
  run([](int listener) {
    mqtt::PacketId first = 0, second = 0;
    {
      Peer peer = accept_session(listener);
      first = peer.expect_publish(false);
      second = peer.expect_publish(false);
      peer.ack(PacketType::pubrec, second);
      peer.expect(PacketType::pubrel);
    }
    Peer peer = accept_session(listener, true);
    EXPECT_EQ(peer.expect_publish(true), first);
    const auto packet = peer.expect(PacketType::pubrel);
    EXPECT_EQ(std::get<mqtt::Ack>(packet).packet_id, second);
    peer.ack(PacketType::puback, first);
    peer.ack(PacketType::pubcomp, second);
    peer.expect(PacketType::disconnect);
  });
  EXPECT_EQ(published_, 2);
}

TEST_F(ClientTest, DeliversAnExactlyOnceMessageOnce) {
  run([](int listener) {
    Peer peer = accept_session(listener);
    mqtt::Publish message;
    message.topic = "t";
    message.qos = Qos::exactly_once;
    message.packet_id = 9;
    message.payload = as_bytes(std::string_view("x"));
    for (const bool dup : {false, true}) {
      message.dup = dup;
      peer.send(message);
      peer.expect(PacketType::pubrec);
    }
    peer.ack(PacketType::pubrel, 9);
    peer.expect(PacketType::pubcomp);
  });
  EXPECT_EQ(received_, std::vector<std::string>{"t=x"});
}

TEST_F(ClientTest, ResolvesTopicAliases) {
  options_.properties.topic_alias_maximum = 5;
  options_.properties.mark(mqtt::PropertyId::topic_alias_maximum);
  run([](int listener) {
    Peer peer = accept_session(listener);
    mqtt::Publish message;
    message.properties.topic_alias = 5;
    message.properties.mark(mqtt::PropertyId::topic_alias);
    message.topic = "long/topic";
    peer.send(message);
    message.topic = "";
    peer.send(message);
  });
  EXPECT_EQ(received_, (std::vector<std::string>{"long/topic=", "long/topic="}));
}

TEST_F(ClientTest, NeverStaysSilentForAKeepAlive) {
  options_.keep_alive_s = 1;
  run([](int listener) {
    Peer peer = accept_session(listener);
    const auto begin = std::chrono::steady_clock::now();
    peer.expect(PacketType::pingreq);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
    peer.send(mqtt::Pingresp{});
    peer.expect(PacketType::pingreq);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  });
}

TEST_F(ClientTest, SaysWhyARefusedConnectionEnded) {
  run([](int listener) {
    Peer peer(::accept(listener, nullptr, nullptr));
    peer.expect(PacketType::connect);
    mqtt::Connack connack;
    connack.reason = mqtt::ReasonCode::not_authorized;
    peer.send(connack);
  });
  EXPECT_EQ(why_, "Not authorized");
}

}  // namespace
}  // namespace roost::client
