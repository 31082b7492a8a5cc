// SPDX-License-Identifier: Apache-2.0
// A node from open to stop, seen from outside: what fails to open, what it says and counts.
#include "broker/server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/server/running_server.h"
#include "tests/support/raw_client.h"

namespace roost::server {
namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using support::RawClient;
using testing::ElementsAre;
using testing::HasSubstr;

Config with_http(Overrides more = {}) {
  more.emplace_back("http.port", std::to_string(free_port()));
  return test_config(more);
}

// A file of a name of its own, gone at the end.
struct ScratchFile {
  ScratchFile() { write(""); }
  ~ScratchFile() { std::filesystem::remove(path); }
  void write(std::string_view text) const { std::ofstream(path) << text; }

  const std::string path =
      std::filesystem::temp_directory_path() / ("roost-server-test-" + std::to_string(free_port()));
};

TEST(Server, SaysThatAnAddressIsInUse) {
  const RunningServer first;
  Config config = test_config();
  config.listeners[0].port = first.port();
  support::VectorLog log;
  auto second = Server::open(config, log);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::already_exists);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(first.port())));
}

TEST(Server, SaysThatTheAddressOfHttpIsInUse) {
  const RunningServer first;
  Config config = test_config();
  config.http.port = first.port();
  support::VectorLog log;
  auto second = Server::open(config, log);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::already_exists);
}

TEST(Server, DoesNotOpenWithABrokenPasswordFile) {
  const ScratchFile passwords;
  passwords.write("ada:not a hash\n");
  const Config config = test_config({{"auth.password_file", passwords.path}});
  support::VectorLog log;
  auto opened = Server::open(config, log);
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().message, HasSubstr(passwords.path));
}

TEST(Server, CanBeOpenedAndLeftUnstarted) {
  support::VectorLog log;
  auto opened = Server::open(with_http(), log);
  ASSERT_TRUE(opened.has_value());
  EXPECT_NE((*opened)->port(0), 0);
}

TEST(Server, SaysWhereItListens) {
  const RunningServer running(test_config({{"listeners.1.protocol", "ws"},
                                           {"listeners.1.address", "127.0.0.1"},
                                           {"listeners.1.port", "0"}}));
  EXPECT_THAT(running.server->listening(),
              ElementsAre("mqtt on 127.0.0.1:" + std::to_string(running.server->port(0)),
                          HasSubstr("on 127.0.0.1:" + std::to_string(running.server->port(1)))));
  EXPECT_EQ(running.server->http_port(), 0);
}

TEST(Server, IsLiveAndReadyWhileItRuns) {
  const RunningServer running(with_http());
  EXPECT_THAT(running.get("/livez"), HasSubstr("200 OK"));
  EXPECT_THAT(running.get("/readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(running.get("/nothing"), HasSubstr("404"));
}

// That no counter lacks a row is a static_assert beside the rows.
TEST(Server, CountsWhatPassesInMetrics) {
  RunningServer running(with_http());
  RawClient publisher("publisher"), subscriber("subscriber");
  ASSERT_TRUE(publisher.connect(running.port()));
  ASSERT_TRUE(subscriber.connect(running.port()));
  ASSERT_EQ(subscriber.subscribe("a/+", Qos::exactly_once), ReasonCode::granted_qos_2);
  for (const auto qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
    ASSERT_TRUE(publisher.publish("a/b", "12345", qos, qos == Qos::exactly_once));
  }
  ASSERT_TRUE(publisher.settle());
  ASSERT_TRUE(subscriber.wait_for(3));
  ASSERT_TRUE(subscriber.ping());
  EXPECT_TRUE(running.metric_becomes("roost_inflight_messages", 0));
  for (const char* qos : {"0", "1", "2"}) {
    const std::string labels = "{qos=\"" + std::string(qos) + "\"}";
    EXPECT_EQ(running.metric("roost_publish_received_total" + labels), 1) << qos;
    EXPECT_EQ(running.metric("roost_publish_sent_total" + labels), 1) << qos;
    EXPECT_EQ(running.metric("roost_publish_received_bytes_total" + labels), 5) << qos;
    EXPECT_EQ(running.metric("roost_publish_sent_bytes_total" + labels), 5) << qos;
  }
  EXPECT_EQ(running.metric("roost_messages_published_total"), 3);
  EXPECT_EQ(running.metric("roost_retained_messages"), 1);
  EXPECT_EQ(running.metric("roost_subscriptions"), 1);
  EXPECT_EQ(running.metric("roost_connects_total"), 2);
  EXPECT_EQ(running.metric("roost_clients_connected"), 2);
  EXPECT_EQ(running.metric("roost_connections_open"), 2);
  EXPECT_EQ(running.metric("roost_acks_received_total"), 4) << "PUBREL; PUBACK, PUBREC, PUBCOMP";
  EXPECT_EQ(running.metric("roost_acks_sent_total"), 4) << "PUBACK, PUBREC, PUBCOMP; PUBREL";
  publisher.disconnect();
  EXPECT_TRUE(running.metric_becomes("roost_clients_connected", 1));
  EXPECT_TRUE(running.metric_becomes("roost_connections_open", 1));
}

TEST(Server, CountsEveryRefusalByItsCause) {
  RunningServer running(with_http({{"auth.allow_anonymous", "false"}}));
  RawClient stranger("stranger");
  EXPECT_FALSE(stranger.connect(running.port()));
  EXPECT_EQ(stranger.connack_reason(), ReasonCode::not_authorized);
  RawClient browser("browser");
  ASSERT_TRUE(browser.open(running.port()));
  browser.send_bytes(as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(browser.receive_end());
  EXPECT_EQ(running.metric("roost_connects_refused_total{cause=\"malformed\"}"), 1);
  EXPECT_EQ(
      running.metric("roost_connects_refused_total{cause=\"authentication\"}") +
          running.metric("roost_connects_refused_total{cause=\"remote_without_authentication\"}"),
      1);
}

TEST(Server, KeepsItsStatusInSysTopics) {
  RunningServer running(test_config({{"mqtt.sys_interval", "10s"}}));
  RawClient client("operator");
  ASSERT_TRUE(client.connect(running.port()));
  ASSERT_EQ(client.subscribe("$SYS/broker/#", Qos::at_most_once), ReasonCode::success);
  while (payloads_of(client, "$SYS/broker/clients/connected").empty()) ASSERT_TRUE(client.step());
  while (payloads_of(client, "$SYS/broker/version").empty()) ASSERT_TRUE(client.step());
  for (const support::Delivery& each : client.deliveries()) EXPECT_TRUE(each.retain) << each.topic;
  EXPECT_THAT(payloads_of(client, "$SYS/broker/version"), ElementsAre(HasSubstr("roost")));
}

TEST(Server, TellsItsClientsWhenItStops) {
  RunningServer running;
  RawClient newer("newer"), older("older", mqtt::ProtocolVersion::v3_1_1), mute("mute");
  ASSERT_TRUE(newer.connect(running.port()));
  ASSERT_TRUE(older.connect(running.port()));
  ASSERT_TRUE(mute.open(running.port()));
  const std::uint8_t connect_byte = 0x10;  // and no more: accepted, but not connected
  ASSERT_TRUE(mute.send_bytes({&connect_byte, 1}));
  std::thread leave([&] {
    while (newer.step()) {
    }
    EXPECT_TRUE(older.receive_end());
    EXPECT_TRUE(mute.receive_end());
  });
  const auto begun = std::chrono::steady_clock::now();
  running.server->stop(20'000);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10))
      << "nobody is left to wait for";
  leave.join();
  EXPECT_EQ(newer.told(), ReasonCode::server_shutting_down);
  EXPECT_FALSE(newer.open(running.port()));
  running.server->stop();
}

TEST(Server, KeepsTheOldPasswordsWhenTheNewOnesAreBroken) {
  const ScratchFile passwords;
  RunningServer running(test_config({{"auth.password_file", passwords.path}}));
  running.server->reload();
  EXPECT_EQ(running.log.count("reloaded the password file"), 1U);
  passwords.write("ada:not a hash\n");
  running.server->reload();
  EXPECT_EQ(running.log.count("the old goes on: "), 1U);
  RawClient client("still there");
  EXPECT_FALSE(client.connect(running.port()));
  EXPECT_EQ(client.connack_reason(), ReasonCode::not_authorized);
}

TEST(Server, NeverHasMoreThreadsThanShards) {
  const ConfigOutcome few = load_config({{}, {}, {{"shards", "1"}}});
  EXPECT_TRUE(few.errors.empty());
  EXPECT_EQ(few.config.threads, 1U);
  const ConfigOutcome more = load_config({{}, {}, {{"shards", "2"}, {"threads", "3"}}});
  EXPECT_THAT(more.errors, ElementsAre(HasSubstr("more threads (3) than shards (2)")));
  EXPECT_FALSE(load_config({{}, {}, {{"shards", "128"}, {"threads", "65"}}}).errors.empty());
}

TEST(Server, GivesClientsWithoutAnIdOneWithASingleShardToo) {
  RunningServer running(test_config({{"shards", "1"}, {"threads", "1"}}));
  RawClient nameless("");
  EXPECT_TRUE(nameless.connect(running.port()));
}

}  // namespace
}  // namespace roost::server
