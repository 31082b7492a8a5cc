// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/webhook.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <string>
#include <thread>
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

 private:
  static constexpr std::uint32_t kSizeMax = 1 << 20;
  std::array<int, 2> ends_{};
  std::vector<std::uint8_t> bytes_;
};

// Takes every batch.
class Taking final : public auth::WebCaller {
 public:
  void send(auth::WebRequest, Done done) override {
    ++taken;
    done(auth::WebAnswer{.status = 200});
  }

  std::atomic<int> taken{0};
};

TEST(WebhookState, RunsOnceItsSubscriptionsStand) {
  client::Loop loop;
  SystemClock clock;
  NullLog log;
  Hand node;
  Taking service;
  WebhookSettings settings;
  settings.name = "orders";
  settings.filters = {"a"};
  settings.batch_wait_ms = 0;
  Webhook hook(
      loop, clock, log, node, service, [](const auto&) { return "{}"; }, settings);
  loop.post([&] { hook.start(); });
  std::thread thread([&] { loop.run(); });

  EXPECT_TRUE(node.reads(PacketType::connect));
  node.says(mqtt::Connack{});
  mqtt::Publish waited;  // since an earlier time
  waited.topic = "a";
  waited.qos = mqtt::Qos::at_least_once;
  waited.packet_id = 7;
  node.says(waited);
  EXPECT_TRUE(node.reads(PacketType::subscribe));
  std::promise<void> turned;
  loop.post([&] { loop.after_ms(100, [&] { turned.set_value(); }); });  // some of its ticks
  turned.get_future().wait();
  EXPECT_EQ(hook.status().state, WebhookState::joining);
  EXPECT_EQ(service.taken, 0);

  mqtt::Suback suback;
  suback.packet_id = 65'535;
  suback.reasons = {mqtt::ReasonCode::granted_qos_1};
  node.says(suback);
  EXPECT_TRUE(support::eventually([&] { return hook.status().state == WebhookState::running; }));
  EXPECT_TRUE(node.reads(PacketType::puback));
  EXPECT_EQ(service.taken, 1);

  loop.post([&] {
    hook.stop();
    loop.stop();
  });
  thread.join();
}

}  // namespace
}  // namespace roost::outgoing
