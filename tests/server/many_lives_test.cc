// SPDX-License-Identifier: Apache-2.0
// Clients that come, fight over an id, vanish and storm a real server with several cores, and a
// server that stops under them; for ThreadSanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/running_server.h"
#include "tests/support/raw_client.h"

namespace roost::server {
namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using support::RawClient;

constexpr auto kQos0 = Qos::at_most_once;
constexpr auto kQos1 = Qos::at_least_once;

std::string name(std::string_view what, int number) {
  return std::string(what) + std::to_string(number);
}

void join_all(std::vector<std::thread>& threads) {
  for (std::thread& each : threads) each.join();
  threads.clear();
}

TEST(ManyLives, FightOverOneIdWithoutHarmToOthers) {
  constexpr int kFights = 120;
  constexpr int kMessages = 300;
  RunningServer running;
  const auto hello = [](const RawClient& client) {
    mqtt::Connect connect = client.hello();
    connect.clean_start = false;
    connect.properties.session_expiry_interval_s = 300;
    connect.properties.mark(mqtt::PropertyId::session_expiry_interval);
    return connect;
  };
  RawClient first("contested");
  ASSERT_TRUE(first.connect(running.port(), hello(first)));
  std::vector<std::thread> threads;
  for (int side = 0; side < 2; ++side) {
    threads.emplace_back([&] {
      RawClient client("contested");
      for (int i = 0; i < kFights; ++i) {
        // Taken over before its CONNACK, which waits for the log: closed without a word.
        if (!client.connect(running.port(), hello(client))) continue;
        ASSERT_TRUE(client.session_present());
        const bool alive = client.ping();
        ASSERT_EQ(client.told(), alive ? ReasonCode::success : ReasonCode::session_taken_over);
      }
    });
  }
  RawClient subscriber("bystander");
  RawClient publisher("passer-by");
  ASSERT_TRUE(subscriber.connect(running.port()));
  ASSERT_TRUE(publisher.connect(running.port()));
  ASSERT_EQ(subscriber.subscribe("calm", kQos1), ReasonCode::granted_qos_1);
  threads.emplace_back([&] {
    for (int i = 0; i < kMessages; ++i) {
      ASSERT_TRUE(publisher.publish("calm", std::to_string(i), kQos1));
    }
    ASSERT_TRUE(publisher.settle());
  });
  EXPECT_TRUE(subscriber.wait_for(kMessages));
  join_all(threads);
  EXPECT_EQ(subscriber.deliveries().size(), static_cast<std::size_t>(kMessages));
  EXPECT_FALSE(first.ping());
  EXPECT_EQ(first.told(), ReasonCode::session_taken_over);
  RawClient last("contested");
  ASSERT_TRUE(last.connect(running.port(), hello(last)));
  EXPECT_TRUE(last.session_present());
  EXPECT_TRUE(last.ping());
}

// One stay of a client, which ends without a word when `number` is odd.
void stay(const RunningServer& running, int thread, int number) {
  const auto version = number % 3 == 0 ? mqtt::ProtocolVersion::v3_1_1 : mqtt::ProtocolVersion::v5;
  RawClient client(number % 5 == 0 ? "" : name(name("guest", thread) + "-", number), version);
  mqtt::Connect connect = client.hello();
  const std::string words = std::to_string(number);
  connect.will.emplace();
  connect.will->topic = "wills";
  connect.will->payload = as_bytes(words);
  connect.will->qos = kQos1;
  ASSERT_TRUE(client.connect(running.port(), connect));
  ASSERT_FALSE(mqtt::is_error(client.subscribe(name("guests/", thread), kQos1)));
  ASSERT_TRUE(client.publish(name("guests/", thread), words, kQos1));
  if (number % 4 == 3) {
    client.reset();
  } else if (number % 4 == 1) {
    client.drop();
  } else {
    ASSERT_TRUE(client.settle());
    client.disconnect();
  }
}

TEST(ManyLives, PublishTheWillOfEveryClientThatVanishesInAStorm) {
  constexpr int kThreads = 6;
  constexpr int kStays = 60;
  RunningServer running;
  RawClient heir("heir");
  ASSERT_TRUE(heir.connect(running.port()));
  ASSERT_EQ(heir.subscribe("wills", kQos1), ReasonCode::granted_qos_1);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&running, i] {
      for (int n = 0; n < kStays; ++n) stay(running, i, n);
    });
  }
  EXPECT_TRUE(heir.wait_for(kThreads * kStays / 2));
  join_all(threads);
  EXPECT_TRUE(heir.ping());
  EXPECT_EQ(heir.deliveries().size(), static_cast<std::size_t>(kThreads * kStays / 2));
  for (const support::Delivery& will : heir.deliveries()) {
    EXPECT_EQ(std::stoi(will.payload) % 2, 1) << will.payload;
  }
}

TEST(ManyLives, AnswerScrapesWhileMessagesFlow) {
  constexpr int kMessages = 500;
  const std::string port = std::to_string(free_port());
  RunningServer running(test_config({{"http.port", port}, {"mqtt.sys_interval", "50ms"}}));
  RawClient subscriber("reader");
  ASSERT_TRUE(subscriber.connect(running.port()));
  ASSERT_FALSE(mqtt::is_error(subscriber.subscribe("flow", kQos1)));
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!over) {
      EXPECT_NE(running.get("/metrics").find("roost_connects_total"), std::string::npos);
      EXPECT_NE(running.get("/readyz").find("200"), std::string::npos);
    }
  });
  threads.emplace_back([&] {
    RawClient publisher("writer");
    ASSERT_TRUE(publisher.connect(running.port()));
    for (int i = 0; i < kMessages; ++i) {
      ASSERT_TRUE(publisher.publish("flow", "words", i % 2 == 0 ? kQos1 : kQos0));
    }
    ASSERT_TRUE(publisher.settle());
    publisher.disconnect();
  });
  EXPECT_TRUE(subscriber.wait_for(kMessages));
  over = true;
  join_all(threads);
  EXPECT_TRUE(running.metric_becomes("roost_publish_received_total{qos=\"1\"}", kMessages / 2));
  EXPECT_EQ(running.metric("roost_publish_received_total{qos=\"0\"}"), kMessages / 2);
  EXPECT_EQ(running.metric("roost_clients_connected"), 1);
}

// Publishes, reads, connects anew until nobody is there any more.
void press_on(std::uint16_t port, int number, std::atomic<int>& settled) {
  for (int life = 0;; ++life) {
    RawClient client(name("busy", number));
    mqtt::Connect connect = client.hello();
    connect.clean_start = number % 2 == 0;
    if (!client.connect(port, connect)) return;
    client.subscribe("press/#", kQos1);
    if (life == 0) ++settled;
    for (int i = 0; i < 200 && client.is_open(); ++i) {
      const std::string topic = name("press/", i % 10);
      if (!client.publish(topic, "and on", i % 3 == 0 ? kQos0 : kQos1, i % 7 == 0)) break;
      while (client.step(0)) {
      }
    }
  }
}

TEST(ManyLives, StopUnderLoadWithinItsGrace) {
  constexpr int kClients = 8;
  constexpr int kGraceMs = 1500;
  RunningServer running;
  std::atomic<int> settled{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] { press_on(running.port(), i, settled); });
  }
  while (settled < kClients) std::this_thread::yield();
  RawClient reads_nothing("deaf");
  ASSERT_TRUE(reads_nothing.connect(running.port()));
  ASSERT_FALSE(mqtt::is_error(reads_nothing.subscribe("#", kQos0)));
  RawClient says_nothing("mute");
  ASSERT_TRUE(says_nothing.open(running.port()));
  const std::uint8_t connect_byte = 0x10;  // nothing but that: it is accepted at once
  ASSERT_TRUE(says_nothing.send_bytes({&connect_byte, 1}));
  const auto begun = std::chrono::steady_clock::now();
  running.server->stop(kGraceMs);
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_LT(took, std::chrono::milliseconds(kGraceMs + 3000));  // a sanitizer's pace included
  join_all(threads);
  EXPECT_FALSE(RawClient("late").open(running.port()));
}

}  // namespace
}  // namespace roost::server
