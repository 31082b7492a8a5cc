// SPDX-License-Identifier: Apache-2.0
// A persistent session at its leader, its client at another node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "broker/mqtt/encode.h"
#include "tests/gates/client_packets.h"
#include "tests/gates/relay_stage.h"
#include "tests/support/packet_text.h"

namespace roost::gates {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using support::RawClient;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

TEST(Relay, RunsThePersistentSessionAtTheLeader) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient client("");
  EXPECT_THAT(stage.come(client, 1, durable("kitchen")), ElementsAre(HasSubstr("CONNACK 00")));
  const ShardId shard = RelayStage::shard_of("kitchen");
  EXPECT_NE(stage.sessions(0, shard).live("kitchen"), nullptr);
  EXPECT_EQ(stage.sessions(1, shard).live("kitchen"), nullptr);
  EXPECT_EQ(stage.relay(1, shard).front().counters().relayed.value(), 1U);
  EXPECT_THAT(stage.at(1).log.take(),
              ElementsAre("connected client=kitchen address=192.0.2.7:51234 listener=door "
                          "version=5.0 clean=0 keep_alive=0"));
  EXPECT_THAT(stage.at(0).log.take(), IsEmpty());
}

TEST(Relay, CarriesPacketsOfAllKindsBothWays) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient client("");
  stage.come(client, 1, durable("kitchen"));
  stage.send(client, {subscribe("a/#", Qos::exactly_once), mqtt::Pingreq{}});
  EXPECT_THAT(read_all(client), ElementsAre("PINGRESP", HasSubstr("SUBACK")));
  stage.send(client, {publish("a/0", "zero", Qos::at_most_once)});
  EXPECT_THAT(read_all(client), ElementsAre("PUBLISH qos=0 topic=\"a/0\" payload=\"zero\""));
  stage.send(client, {publish("a/1", "one", Qos::at_least_once, 7)});
  EXPECT_THAT(read_all(client),
              testing::UnorderedElementsAre("PUBACK id=7 00",
                                            "PUBLISH qos=1 id=1 topic=\"a/1\" payload=\"one\""));
  stage.send(client, {ack(PacketType::puback, 1), publish("a/2", "two", Qos::exactly_once, 8)});
  EXPECT_THAT(read_all(client),
              testing::UnorderedElementsAre("PUBREC id=8 00",
                                            "PUBLISH qos=2 id=2 topic=\"a/2\" payload=\"two\""));
  stage.send(client, {ack(PacketType::pubrec, 2), ack(PacketType::pubrel, 8)});
  EXPECT_THAT(read_all(client), testing::UnorderedElementsAre("PUBREL id=2 00", "PUBCOMP id=8 00"));
  stage.send(client, {ack(PacketType::pubcomp, 2), mqtt::Disconnect{}});
  EXPECT_EQ(read_all(client), Lines{"END"});
  stage.settle();
  const ShardId shard = RelayStage::shard_of("kitchen");
  EXPECT_EQ(stage.sessions(0, shard).live("kitchen"), nullptr);
  EXPECT_NE(stage.sessions(0, shard).stored("kitchen"), nullptr);
  EXPECT_EQ(stage.relay(1, shard).front().counters().relayed.value(), 0U);
  EXPECT_EQ(stage.relay(0, shard).leader().links(), 0U);
  EXPECT_EQ(stage.at(1).gates[0]->size() + stage.at(1).gates[1]->size(), 0U);
}

TEST(Relay, FindsTheSessionThroughAnyFront) {
  RelayStage stage(3);
  stage.lead_all(0);
  for (const std::size_t node : {std::size_t{1}, std::size_t{2}, std::size_t{0}}) {
    RawClient client("");
    const Lines lines = stage.come(client, node, durable("roamer"));
    ASSERT_FALSE(lines.empty());
    EXPECT_THAT(lines[0], HasSubstr(node == 1 ? "CONNACK 00" : "CONNACK 00 present"));
    if (node == 1) stage.send(client, {subscribe("a", Qos::at_least_once)});
    if (node == 0) {
      ASSERT_EQ(lines.size(), 2U);
      EXPECT_THAT(lines[1], HasSubstr("payload=\"while away\""));
    }
    client.drop();
    stage.settle();
    if (node != 2) continue;
    RawClient other("");
    stage.come(other, 1, clean("other"));
    RawClient local("");
    stage.come(local, 0, clean("local"));
    stage.send(local, {publish("a", "while away", Qos::at_least_once, 1)});
  }
}

// The will's message, if it came.
Lines wills(RelayStage& stage, RawClient& watcher) {
  stage.settle();
  return read_all(watcher);
}

TEST(Relay, KeepsTheWillOfWhoIsLostAndOfWhoSaysSo) {
  for (const std::string_view how : {"drop", "with will", "normal"}) {
    SCOPED_TRACE(how);
    RelayStage stage(2);
    stage.lead_all(0);
    RawClient watcher(""), client("");
    stage.come(watcher, 0, durable("watcher"));
    stage.send(watcher, {subscribe("last", Qos::at_most_once)});
    read_all(watcher);
    stage.come(client, 1, with_will(durable("kitchen")));
    mqtt::Disconnect disconnect;
    if (how == "with will") disconnect.reason = mqtt::ReasonCode::disconnect_with_will;
    if (how == "drop") {
      client.drop();
    } else {
      stage.send(client, {disconnect});
    }
    const Lines said = wills(stage, watcher);
    EXPECT_EQ(said.size(), how == "normal" ? 0U : 1U);
    EXPECT_EQ(stage.relay(0, RelayStage::shard_of("kitchen")).leader().links(), 0U);
  }
}

TEST(Relay, WorksWithOneByteAtATime) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient client("");
  stage.open(client, 1);
  std::vector<std::uint8_t> bytes;
  for (const mqtt::Packet& packet :
       std::vector<mqtt::Packet>{durable("slow"), subscribe("a", Qos::at_least_once),
                                 publish("a", "payload", Qos::exactly_once, 2), mqtt::Pingreq{}}) {
    mqtt::encode(packet, mqtt::ProtocolVersion::v5, bytes);
  }
  for (const std::uint8_t byte : bytes) {
    client.send_bytes({&byte, 1});
    stage.settle();
  }
  EXPECT_THAT(read_all(client),
              testing::UnorderedElementsAre(HasSubstr("CONNACK 00"), HasSubstr("SUBACK"),
                                            HasSubstr("PUBREC id=2"), HasSubstr("\"payload\""),
                                            "PINGRESP"));
}

TEST(Relay, CarriesAPacketOf64MbUpAndDown) {
  constexpr std::size_t kSize = std::size_t{64} << 20;
  RelayStage stage(3);
  for (auto& node : stage.nodes) node->listener.limits.packet_size_max = kSize + 1000;
  stage.lead_all(0);
  RawClient sender(""), receiver("");
  stage.come(receiver, 2, durable("receiver"));
  stage.send(receiver, {subscribe("large", Qos::at_least_once)});
  read_all(receiver);
  stage.come(sender, 1, durable("sender"));
  std::string payload(kSize, 'x');
  for (std::size_t i = 0; i < kSize; i += 4093) payload[i] = static_cast<char>(i / 4093);
  std::vector<std::uint8_t> bytes;
  mqtt::encode(publish("large", payload, Qos::at_least_once, 1), mqtt::ProtocolVersion::v5, bytes);
  for (std::size_t at = 0; at < bytes.size(); at += 100'000) {
    ASSERT_TRUE(sender.send_bytes(
        ByteView(bytes).subspan(at).first(std::min<std::size_t>(100'000, bytes.size() - at))));
    stage.settle();
  }
  std::optional<mqtt::Packet> packet;
  for (int turns = 0; !packet && turns < 20'000; ++turns) {
    packet = receiver.receive(0);
    stage.advance_ms(1);
  }
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(as_text(std::get<mqtt::Publish>(*packet).payload), payload);
  EXPECT_THAT(read_all(sender), ElementsAre("PUBACK id=1 00"));
  EXPECT_LE((stage.links[{1, 0}].bytes_most), 2 * kRelayWindow);
  EXPECT_LE((stage.links[{0, 2}].bytes_most), 2 * kRelayWindow);
}

TEST(Relay, RefusesAPacketOverTheListenersLimit) {
  RelayStage stage(2);
  stage.at(1).listener.limits.packet_size_max = 1000;
  stage.lead_all(0);
  RawClient client("");
  EXPECT_THAT(stage.come(client, 1, durable("kitchen")),
              ElementsAre(HasSubstr("maximum_packet_size=1000")));
  stage.send(client, {publish("a", std::string(2000, 'x'), Qos::at_most_once)});
  EXPECT_EQ(read_all(client), (Lines{"DISCONNECT 95", "END"}));
}

TEST(Relay, EndsWhenKeepAliveIsOverAndNotBefore) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient client("");
  mqtt::Connect connect = durable("kitchen");
  connect.keep_alive_s = 10;
  stage.come(client, 1, connect);
  stage.advance_ms(14'000);
  stage.send(client, {mqtt::Pingreq{}});
  stage.advance_ms(14'000);
  EXPECT_EQ(read_all(client), Lines{"PINGRESP"});
  stage.advance_ms(2'000);
  EXPECT_EQ(read_all(client), (Lines{"DISCONNECT 8D", "END"}));
}

// --- back-pressure ---

TEST(Relay, StopsSendingToAClientThatDoesNotRead) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient slow(""), sender("");
  stage.come(slow, 1, durable("slow"));
  stage.send(slow, {subscribe("a", Qos::at_least_once)});
  read_all(slow);
  stage.come(sender, 0, durable("sender"));
  const std::string payload(50'000, 'x');
  std::uint64_t carried = 0;
  constexpr int kMessages = 200;
  for (int i = 0; i < kMessages; ++i) {
    const std::uint64_t before = stage.links[{0, 1}].bytes_all;
    stage.send(sender, {publish("a", std::to_string(i) + payload, Qos::at_least_once,
                                static_cast<mqtt::PacketId>(i + 1))});
    carried += stage.links[{0, 1}].bytes_all - before;
  }
  EXPECT_EQ(read_all(sender).size(), std::size_t{kMessages});
  // Socket and write queue of the front, and one window.
  EXPECT_LT(carried, 3'000'000U);
  std::vector<int> came;
  for (int turns = 0; came.size() < kMessages && turns < 10'000; ++turns) {
    while (const auto packet = slow.receive(0)) {
      const auto* message = std::get_if<mqtt::Publish>(&*packet);
      if (message == nullptr) continue;
      came.push_back(std::atoi(std::string(as_text(message->payload).substr(0, 3)).c_str()));
      slow.send(ack(PacketType::puback, message->packet_id));
    }
    stage.settle();
  }
  std::vector<int> all(kMessages);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(came, all);
}

TEST(Relay, StopsReadingWhenTheLeaderFallsBehind) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient sender("");
  stage.come(sender, 1, durable("sender"));
  const ShardId shard = RelayStage::shard_of("sender");
  StageLog& log = *stage.at(0).logs[shard.value % RelayStage::kCores];
  log.set_congested(true);
  const std::uint64_t before = stage.links[{1, 0}].bytes_all;
  const std::string payload(5'000, 'x');
  constexpr int kMessages = 70;  // more than a window; the rest fits the socket
  for (int i = 0; i < kMessages; ++i) {
    stage.send(sender,
               {publish("a", payload, Qos::at_least_once, static_cast<mqtt::PacketId>(i + 1))});
  }
  EXPECT_LT((stage.links[{1, 0}].bytes_all - before), kRelayWindow + 10'000);
  EXPECT_LT(read_all(sender).size(), std::size_t{kMessages});
  log.set_congested(false);
  for (int i = 0; i < 10; ++i) stage.advance_ms(20);
  stage.send(sender, {mqtt::Pingreq{}});
  const Lines rest = read_all(sender);
  EXPECT_EQ(rest.back(), "PINGRESP");
  EXPECT_GT((stage.links[{1, 0}].bytes_all - before), std::uint64_t{kMessages} * 5'000);
}

TEST(Relay, WaitsForALaneThatIsFull) {
  RelayStage stage(2);
  stage.lead_all(0);
  RawClient client("");
  stage.come(client, 1, durable("kitchen"));
  stage.hold(1, 0);
  stage.congested_at = 10'000;
  const std::string payload(5'000, 'x');
  for (int i = 0; i < 20; ++i) stage.send(client, {publish("a", payload, Qos::at_most_once)});
  EXPECT_LT((stage.links[{1, 0}].bytes), 30'000U);
  stage.let_go(1, 0);
  for (int i = 0; i < 10; ++i) stage.advance_ms(20);
  stage.send(client, {mqtt::Pingreq{}});
  stage.advance_ms(20);
  EXPECT_EQ(read_all(client), Lines{"PINGRESP"});
}

// --- who leads ---

TEST(Relay, WaitsForALeaderAndThenAsksIt) {
  RelayStage stage(2);
  RawClient client("");
  EXPECT_THAT(stage.come(client, 1, durable("kitchen")), IsEmpty());
  stage.advance_ms(4'000);
  EXPECT_THAT(read_all(client), IsEmpty());
  stage.lead_all(0);
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00")));
}

TEST(Relay, WithoutALeaderIsRefusedAfterAWhile) {
  RelayStage stage(2);
  RawClient newer(""), older("", mqtt::ProtocolVersion::v3_1_1);
  stage.come(newer, 1, durable("newer"));
  mqtt::Connect connect = clean("older");
  connect.version = mqtt::ProtocolVersion::v3_1_1;
  stage.come(older, 1, connect);
  stage.advance_ms(4'900);
  EXPECT_THAT(read_all(newer), IsEmpty());
  for (int i = 0; i < 3; ++i) stage.advance_ms(100);
  EXPECT_EQ(read_all(newer), (Lines{"CONNACK 88", "END"}));
  EXPECT_EQ(read_all(older), (Lines{"CONNACK 88", "END"}));
  EXPECT_EQ(stage.at(1).log.count("no leader of its shard"), 2U);
}

TEST(Relay, ALeaderThatDoesNotAnswerIsWaitedForUpToTheConnectTimeout) {
  RelayStage stage(2);
  stage.lead_all(0);
  stage.hold(1, 0);
  RawClient client("");
  stage.come(client, 1, durable("kitchen"));
  stage.advance_ms(9'900);
  EXPECT_THAT(read_all(client), IsEmpty());
  stage.advance_ms(200);
  EXPECT_EQ(read_all(client), (Lines{"CONNACK 88", "END"}));
  stage.let_go(1, 0);
  stage.settle();
  EXPECT_EQ(stage.sessions(0, RelayStage::shard_of("kitchen")).live("kitchen"), nullptr);
}

TEST(Relay, WhoLeadsNoMoreRefusesAndTheNextOneIsAsked) {
  RelayStage stage(3);
  stage.lead_all(0);
  const ShardId shard = RelayStage::shard_of("kitchen");
  stage.lead_unheard(shard, 2);
  RawClient client("");
  EXPECT_THAT(stage.come(client, 1, durable("kitchen")), IsEmpty());
  EXPECT_EQ(stage.relay(0, shard).leader().counters().refused.value(), 1U);
  stage.lead(shard, 2);
  EXPECT_THAT(read_all(client), ElementsAre(HasSubstr("CONNACK 00")));
  EXPECT_NE(stage.sessions(2, shard).live("kitchen"), nullptr);
}

TEST(Relay, WhoWasNotWaitedForIsForgotten) {
  RelayStage stage(2);
  stage.lead_all(0);
  const ShardId shard = RelayStage::shard_of("kitchen");
  for (const mqtt::Connect& connect : {durable("kitchen"), clean("kitchen")}) {
    RawClient client("");
    stage.hold(1, 0);
    stage.come(client, 1, connect);
    client.reset();
    stage.advance_ms(11'000);
    stage.let_go(1, 0);
    stage.settle();
    EXPECT_EQ(stage.sessions(0, shard).live("kitchen"), nullptr);
    EXPECT_EQ(stage.relay(0, shard).leader().links(), 0U);
    EXPECT_EQ(stage.relay(0, shard).leader().claims(), 0U);
  }
}

}  // namespace
}  // namespace roost::gates
