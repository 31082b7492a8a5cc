// SPDX-License-Identifier: Apache-2.0
// Large packets next to others: what one turn does for a connection, and whose the bytes are.
#include <gmock/gmock.h>

#include "broker/net/remainder.h"
#include "tests/net/fixture.h"

namespace roost::net {
namespace {

constexpr std::size_t kLarge = 5'000'000;

std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
  return text;
}

TEST(Connection, ReadsFromEachThatIsReadyUpToItsBudgetATurn) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  auto [other_fd, other_peer] = socket_pair();
  Client large, small;
  stage.connect(large, fd, {.read_budget_bytes = 1000});
  stage.connect(small, other_fd);
  peer.send(std::string(10'000, 'x'));
  for (std::size_t turn = 1; turn <= 3; ++turn) {
    other_peer.send("y");
    stage.turn();
    EXPECT_EQ(large.received.size(), turn * 1000);
    EXPECT_EQ(small.received.size(), turn);
  }
}

TEST(Connection, WritesUpToItsBudgetATurnAndGoesOnByItself) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd, {.write_budget_bytes = 1000});
  const std::string all = pattern(2'500);
  client.connection->write(as_bytes(all));
  std::string got;
  for (const std::size_t wanted : {1000U, 2000U, 2500U}) {
    stage.turn();
    got += peer.receive();
    EXPECT_EQ(got.size(), wanted);
  }
  EXPECT_EQ(got, all);
  EXPECT_EQ(client.connection->backlog(), 0U);
}

TEST(Connection, SendsAllBeforeItsFinHoweverSmallItsBudget) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd, {.write_budget_bytes = 1000});
  const std::string all = pattern(2'500);
  client.connection->write(as_bytes(all));
  client.connection->close();
  std::string got;
  for (int i = 0; i < 4; ++i) {
    stage.turn();
    got += peer.receive();
  }
  EXPECT_EQ(got, all);
  EXPECT_TRUE(peer.at_end());
}

// What a message keeps of a packet isn't touched by what comes behind it.
TEST(Connection, LeavesALargePacketToWhoeverSharesIt) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  std::vector<std::pair<ByteView, SharedPtr<const SharedBlock>>> kept;
  client.consume = [&](ByteView bytes, std::uint64_t& wanted) -> std::size_t {
    wanted = kLarge;
    if (bytes.size() < kLarge) return 0;
    auto owner = client.connection->share_offered();
    EXPECT_TRUE(owner);
    kept.emplace_back(bytes.first(kLarge), std::move(owner));
    return kLarge;
  };
  const std::string first = pattern(kLarge), second(kLarge, '2');
  const std::string all = first + second;
  for (std::size_t sent = 0; sent < all.size();) {
    sent += peer.send(std::string_view(all).substr(sent));
    stage.turn();
  }
  stage.turns(3);
  client.connection.reset();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_TRUE(as_text(kept[0].first) == first);
  EXPECT_TRUE(as_text(kept[1].first) == second);
}

TEST(Connection, SharesNothingOfSmallPackets) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    EXPECT_FALSE(client.connection->share_offered());
    return bytes.size();
  };
  peer.send("small");
  stage.turn();
  EXPECT_EQ(client.offers, 1);
  EXPECT_FALSE(client.connection->share_offered()) << "nothing is offered";
}

TEST(Remainder, GrowsWithWhatHasComeNotWithWhatIsAnnounced) {
  Remainder remainder;
  const std::string front = pattern(100);
  remainder.keep(as_bytes(front), 64 << 20);
  std::size_t come = front.size();
  while (come < 64 << 20) {
    const MutableByteView room = remainder.room();
    ASSERT_FALSE(room.empty());
    ASSERT_LE(come + room.size(), std::max<std::size_t>(2 * come, 1 << 20));
    std::fill(room.begin(), room.end(), static_cast<std::uint8_t>(come));
    remainder.added(room.size());
    come += room.size();
  }
  EXPECT_EQ(come, std::size_t{64} << 20) << "no more room than the packet needs";
  EXPECT_EQ(as_text(remainder.bytes().first(100)), front);
}

TEST(Remainder, KeepsWhatIsLeftOfASharedPacketElsewhere) {
  Remainder remainder;
  const std::string all = pattern(3'000'000);
  remainder.keep(as_bytes(all), 0);
  const ByteView shared = remainder.bytes();
  const auto owner = remainder.share();
  ASSERT_TRUE(owner);
  remainder.keep(remainder.bytes().subspan(2'000'000), 1'500'000);
  remainder.append(as_bytes(std::string(500'000, 'z')));
  EXPECT_TRUE(as_text(shared) == all);
  EXPECT_TRUE(as_text(remainder.bytes()) == all.substr(2'000'000) + std::string(500'000, 'z'));
}

}  // namespace
}  // namespace roost::net
