// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/webhook.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "broker/mqtt/encode.h"
#include "broker/mqtt/frame.h"
#include "tests/support/eventually.h"

namespace roost::outgoing {
namespace {

using mqtt::PacketType;

// A node by hand: the other end of the webhook's session.
class Hand final : public Inside {
 public:
  Hand() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0);
    const timeval patience = {.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(ends_[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Hand() { ::close(ends_[1]); }

  Result<int> connect() override { return ends_[0]; }
  bool leads(const std::string&) const override { return true; }

  // Reads until a packet of this type has come.
  bool reads(PacketType type) {
    for (;;) {
      const mqtt::FrameResult found = mqtt::next_frame(bytes_, kSizeMax);
      if (found.status == mqtt::FrameStatus::complete) {
        const bool is_it = bytes_[0] >> 4 == static_cast<int>(type);
        bytes_.erase(bytes_.begin(), bytes_.begin() + found.frame.size());
        if (is_it) return true;
        continue;
      }
      std::array<std::uint8_t, 4096> more{};
      const ssize_t got = ::read(ends_[1], more.data(), more.size());
      if (got <= 0) return false;
      bytes_.insert(bytes_.end(), more.begin(), more.begin() + got);
    }
  }

  void says(const mqtt::Packet& packet) {
    std::vector<std::uint8_t> out;
    mqtt::encode(packet, mqtt::ProtocolVersion::v5, out);
    ASSERT_EQ(::write(ends_[1], out.data(), out.size()), static_cast<ssize_t>(out.size()));
  }

  // Bytes of it that were read, once no more was for half a second.
  std::size_t says_until_unheard(const mqtt::Packet& packet) {
    std::vector<std::uint8_t> out;
    mqtt::encode(packet, mqtt::ProtocolVersion::v5, out);
    std::size_t written = 0;
    pollfd room{.fd = ends_[1], .events = POLLOUT, .revents = 0};
    while (::poll(&room, 1, 500) == 1) {
      const std::size_t at = written % out.size();
      const ssize_t more = ::send(ends_[1], out.data() + at, out.size() - at, MSG_DONTWAIT);
      if (more <= 0) break;
      written += static_cast<std::size_t>(more);
    }
    return written;
  }

 private:
  static constexpr std::uint32_t kSizeMax = 1 << 20;
  std::array<int, 2> ends_{};
  std::vector<std::uint8_t> bytes_;
};

// Takes every batch.
class Taking final : public auth::WebCaller {
 public:
  explicit Taking(unsigned status = 200) : status_(status) {}
  void send(auth::WebRequest, Done done) override {
    ++taken;
    done(auth::WebAnswer{.status = status_});
  }

  std::atomic<int> taken{0};

 private:
  const unsigned status_;
};

// A webhook of that node and service, on a loop of its own.
class Running {
 public:
  Running(Hand& node, Taking& service, WebhookSettings settings)
      : hook_(
            loop_, clock_, log_, node, service,
            [](const mqtt::Publish& message) { return std::string(as_text(message.payload)); },
            std::move(settings)) {
    loop_.post([this] { hook_.start(); });
  }
  ~Running() {
    loop_.post([this] {
      hook_.stop();
      loop_.stop();
    });
    thread_.join();
  }

  const Webhook& hook() const { return hook_; }

 private:
  client::Loop loop_;
  SystemClock clock_;
  NullLog log_;
  Webhook hook_;
  std::thread thread_{[this] { loop_.run(); }};
};

WebhookSettings settings_of_orders() {
  WebhookSettings settings;
  settings.name = "orders";
  settings.filters = {"a"};
  settings.batch_wait_ms = 0;
  return settings;
}

mqtt::Publish message_of(std::string_view payload) {
  mqtt::Publish message;
  message.topic = "a";
  message.qos = mqtt::Qos::at_least_once;
  message.packet_id = 7;
  message.payload = as_bytes(payload);
  return message;
}

TEST(WebhookState, RunsOnceItsSubscriptionsStand) {
  Hand node;
  Taking service;
  const Running running(node, service, settings_of_orders());
  ASSERT_TRUE(node.reads(PacketType::connect));
  node.says(mqtt::Connack{});
  node.says(message_of("{}"));  // of an older subscription
  ASSERT_TRUE(node.reads(PacketType::subscribe));
  ASSERT_TRUE(node.reads(PacketType::puback));
  EXPECT_EQ(service.taken, 1);
  EXPECT_EQ(running.hook().status().state, WebhookState::joining);

  mqtt::Suback suback;
  suback.packet_id = 65'535;
  suback.reasons = {mqtt::ReasonCode::granted_qos_1};
  node.says(suback);
  EXPECT_TRUE(
      support::eventually([&] { return running.hook().status().state == WebhookState::running; }));
}

TEST(WebhookMemory, IsBoundedWhileTheServiceIsAway) {
  Hand node;
  Taking service(503);
  WebhookSettings settings = settings_of_orders();
  settings.batch_bytes = 100'000;
  const Running running(node, service, std::move(settings));
  ASSERT_TRUE(node.reads(PacketType::connect));
  node.says(mqtt::Connack{});
  const std::string payload(50'000, 'x');
  const std::size_t read = node.says_until_unheard(message_of(payload));
  EXPECT_GE(read, 400'000U);    // four batches
  EXPECT_LE(read, 2'000'000U);  // ... and what sockets and one read hold
  EXPECT_GE(service.taken, 1);
}

}  // namespace
}  // namespace roost::outgoing
