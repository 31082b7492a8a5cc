// SPDX-License-Identifier: Apache-2.0
#include "broker/net/connection.h"

#include <gmock/gmock.h>

#include <chrono>

#include "tests/net/fixture.h"

namespace roost::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Owner final : public SharedBlock {
 public:
  explicit Owner(bool& gone) : gone_(gone) {}
  ~Owner() override { gone_ = true; }

 private:
  bool& gone_;
};

// --- reading ---

TEST(Connection, OffersWhatTheSocketHasInOneRead) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  peer.send("hello");
  stage.turn();
  EXPECT_EQ(client.received, "hello");
  EXPECT_EQ(stage.counters.reads.value(), 1U);
  EXPECT_EQ(stage.counters.bytes_in.value(), 5U);
}

TEST(Connection, OffersAnUnfinishedPacketAgainWithMoreBehindIt) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  std::vector<std::string> offers;
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    offers.emplace_back(as_text(bytes));
    return bytes.size() / 3 * 3;  // packets of three bytes
  };
  for (const char* part : {"1", "23", "4567", "89"}) {
    peer.send(part);
    stage.turn();
  }
  EXPECT_THAT(offers, ElementsAre("1", "123", "4567", "789"));
}

TEST(Connection, WaitsForAsManyBytesAsAreWanted) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  client.consume = [&](ByteView bytes, std::uint64_t& wanted) -> std::size_t {
    wanted = 6;
    if (bytes.size() < 6) return 0;
    client.received += as_text(bytes);
    return bytes.size();
  };
  for (const char* byte : {"1", "2", "3", "4", "5"}) {
    peer.send(byte);
    stage.turn();
  }
  EXPECT_EQ(client.offers, 1);
  peer.send("6");
  stage.turn();
  EXPECT_EQ(client.received, "123456");
  EXPECT_EQ(client.offers, 2);
}

TEST(Connection, ReceivesABigPacketInPlaceAndWhatIsBehindIt) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  constexpr std::size_t kSize = 3'000'000;
  std::string packet(kSize, 'p');
  for (std::size_t i = 0; i < kSize; ++i) packet[i] = static_cast<char>('a' + i % 23);
  client.consume = [&](ByteView bytes, std::uint64_t& wanted) -> std::size_t {
    wanted = client.received.empty() ? kSize : 0;
    if (bytes.size() < wanted) return 0;
    const std::size_t used = wanted > 0 ? wanted : bytes.size();
    client.received += as_text(bytes.first(used));
    return used;
  };
  const std::string all = packet + "tail";
  for (std::size_t sent = 0; sent < all.size();) {
    sent += peer.send(std::string_view(all).substr(sent));
    stage.turn();
  }
  stage.turn();
  EXPECT_EQ(client.received.size(), all.size());
  EXPECT_EQ(client.received, all);
  EXPECT_LE(client.offers, 4);
}

TEST(Connection, GrowsItsRemainderForAConsumerThatDoesNotSayWhatItWants) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  constexpr std::size_t kSize = 700'000;  // more than the core's scratch
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    if (bytes.size() < kSize) return 0;
    client.received = as_text(bytes);
    return bytes.size();
  };
  const std::string all(kSize, 'x');
  for (std::size_t sent = 0; sent < kSize;) {
    sent += peer.send(std::string_view(all).substr(sent));
    stage.turn();
  }
  EXPECT_EQ(client.received, all);
}

TEST(Connection, StopsAtItsReadBudgetSoThatOthersGetTheirTurn) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd, {.read_budget_bytes = 1000});
  peer.send(std::string(2'500, 'x'));
  stage.turn();
  EXPECT_EQ(client.received.size(), 1'000U);
  stage.turns(2);
  EXPECT_EQ(client.received.size(), 2'500U);
}

TEST(Connection, ReadsNothingWhilePausedAndEverythingAfterwards) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  client.connection->pause_reading();
  peer.send("kept in the kernel");
  stage.turns(2);
  EXPECT_EQ(client.offers, 0);
  client.connection->resume_reading();
  stage.turn();
  EXPECT_EQ(client.received, "kept in the kernel");
  EXPECT_EQ(stage.counters.reads_paused.value(), 1U);
}

TEST(Connection, OffersAgainWhatWasLeftWhenReadingWasPaused) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    client.received += static_cast<char>(bytes.front());
    client.connection->pause_reading();
    return 1;
  };
  peer.send("abc");
  peer.close();
  for (int i = 0; i < 3; ++i) {
    stage.turns(3);
    EXPECT_EQ(client.received.size(), static_cast<std::size_t>(i + 1));
    EXPECT_THAT(client.closed, IsEmpty());
    client.connection->resume_reading();
  }
  stage.turns(2);
  EXPECT_EQ(client.received, "abc");
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::peer_closed));
}

TEST(Connection, DoesNotSpinWhenThePeerHangsUpWhileReadingIsPaused) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  peer.send("last words");
  client.connection->pause_reading();
  stage.turn();
  peer.close();
  stage.turn();
  const auto before = std::chrono::steady_clock::now();
  stage.core.run_once(20);  // nothing to do: the whole time passes in epoll_wait
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(19));
  EXPECT_THAT(client.closed, IsEmpty());
  client.connection->resume_reading();
  stage.turns(2);
  EXPECT_EQ(client.received, "last words");
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::peer_closed));
}

TEST(Connection, DeliversBytesBeforeTheFinBehindThem) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd);
  peer.send("disconnect");
  peer.close();
  stage.turn();
  EXPECT_EQ(client.received, "disconnect");
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::peer_closed));
  EXPECT_EQ(stage.counters.connections_closed.value(), 1U);
}

TEST(Connection, TellsAResetFromAClose) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd);
  const linger hard{1, 0};
  ::setsockopt(peer.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  peer.close();
  stage.turn();
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::peer_reset));
}

TEST(Connection, OffersUnreadBytesAtTheEndOfTheTurn) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  DetachedConnection from;
  from.fd = fd;
  from.unread = {'a', 'b'};
  stage.connect(client, std::move(from));
  EXPECT_EQ(client.offers, 0);
  peer.send("c");
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    client.received += as_text(bytes);
    return bytes.size();
  };
  stage.turn();
  EXPECT_EQ(client.received, "abc");
}

// --- writing ---

TEST(Connection, GathersEverythingWrittenInATurnIntoOneSystemCall) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  bool gone = false;
  const std::string large(20'000, 'L');
  client.connection->write(as_bytes("one,"));
  std::memcpy(client.connection->write_room(4), "two,", 4);
  client.connection->write_shared(as_bytes(large),
                                  SharedPtr<const SharedBlock>::adopt(new Owner(gone)));
  client.connection->write(as_bytes(",end"));
  EXPECT_EQ(client.connection->backlog(), 20'012U);
  EXPECT_EQ(peer.receive(), "");
  stage.turn();
  EXPECT_EQ(peer.receive(), "one,two," + large + ",end");
  EXPECT_EQ(stage.counters.writes.value(), 1U);
  EXPECT_EQ(stage.counters.bytes_out.value(), 20'012U);
  EXPECT_EQ(client.connection->backlog(), 0U);
  EXPECT_TRUE(gone);
}

TEST(Connection, AnswersWithinTheTurnInWhichItWasAsked) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    client.connection->write(bytes);
    return bytes.size();
  };
  peer.send("echo");
  stage.turn();
  EXPECT_EQ(peer.receive(), "echo");
}

TEST(Connection, SendsTheRestWhenAFullKernelTakesMoreAgain) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  std::string all;
  for (int i = 0; i < 100'000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    client.connection->write(as_bytes(line));
    all += line;
  }
  std::string got;
  for (int i = 0; i < 1'000 && got.size() < all.size(); ++i) {
    stage.turn();
    got += peer.receive();
  }
  EXPECT_EQ(got, all);
  EXPECT_EQ(client.connection->backlog(), 0U);
}

TEST(Connection, IsCongestedAboveTheHighMarkAndSaysWhenItDrained) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd, {.write_high_bytes = 1'000'000, .write_low_bytes = 100'000});
  client.connection->write(as_bytes(std::string(1'000'000, 'x')));
  EXPECT_FALSE(client.connection->is_congested());
  client.connection->write(as_bytes("y"));
  EXPECT_TRUE(client.connection->is_congested());
  stage.turns(3);
  EXPECT_EQ(client.drained, 0);
  while (client.drained == 0) {
    EXPECT_TRUE(client.connection->is_congested());
    EXPECT_GT(peer.receive().size(), 0U);
    stage.turn();
  }
  EXPECT_FALSE(client.connection->is_congested());
  EXPECT_LE(client.connection->backlog(), 100'000U);
}

TEST(Connection, SaysPeerResetWhenItCannotWriteAnyMore) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd);
  peer.send("last words");
  const linger hard{1, 0};
  ::setsockopt(peer.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  peer.close();
  client.connection->write(as_bytes("anybody there?"));
  stage.turns(3);
  EXPECT_EQ(client.connection->backlog(), 0U);
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::peer_reset));
}

TEST(Connection, SendsWhatWaitsToAPeerThatHalfClosed) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd);
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    client.connection->write(as_bytes("answer"));
    return bytes.size();
  };
  peer.send("ask");
  peer.half_close();
  stage.turns(2);
  EXPECT_EQ(peer.receive(), "answer");
  EXPECT_TRUE(peer.at_end());
}

}  // namespace
}  // namespace roost::net
