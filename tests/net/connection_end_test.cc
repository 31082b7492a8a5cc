// SPDX-License-Identifier: Apache-2.0
// How a connection ends, moves and dies.
#include <gmock/gmock.h>

#include "broker/net/connection.h"
#include "tests/net/fixture.h"

namespace roost::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Connection, ClosesGentlySoThatThePeerReadsTheLastBytes) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd);
  client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    client.connection->write(as_bytes("disconnect 0x93"));
    client.connection->close();
    return bytes.size();
  };
  peer.send("one too many");
  stage.turn();
  EXPECT_TRUE(client.connection->is_closing());
  peer.send("and many more, which nobody reads any more");
  stage.turn();
  EXPECT_EQ(peer.receive(), "disconnect 0x93");
  EXPECT_TRUE(peer.at_end());
  EXPECT_FALSE(peer.was_reset());
  EXPECT_EQ(client.offers, 1);
  EXPECT_THAT(client.closed, IsEmpty());
  peer.close();
  stage.turn();
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::closed_by_us));
}

TEST(Connection, ClosesForAPeerThatNeverDoesWhenTheLingerTimeIsOver) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd, {.linger_ms = 500});
  client.connection->close();
  stage.turn();
  stage.clock.advance_ms(499);
  stage.turn();
  EXPECT_THAT(client.closed, IsEmpty());
  stage.clock.advance_ms(20);
  stage.turn();
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::closed_by_us));
}

TEST(Connection, SaysTimeoutForAPeerThatDoesNotTakeTheLastBytes) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd, {.linger_ms = 500});
  client.connection->write(as_bytes(std::string(3'000'000, 'x')));
  client.connection->close();
  stage.turn();
  stage.clock.advance_ms(520);
  stage.turn();
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::timeout));
}

TEST(Connection, SendsABacklogBeforeItsFin) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  client.connection->write(as_bytes(std::string(3'000'000, 'x')));
  client.connection->close();
  std::size_t got = 0;
  for (int i = 0; i < 1'000 && !peer.at_end(); ++i) {
    stage.turn();
    got += peer.receive().size();
  }
  EXPECT_EQ(got, 3'000'000U);
}

TEST(Connection, ThrowsAwayWhatIsWrittenAfterTheClose) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client client;
  stage.connect(client, fd);
  client.connection->write(as_bytes("last"));
  client.connection->close();
  client.connection->write(as_bytes("too late"));
  std::memset(client.connection->write_room(100'000), 'x', 100'000);
  stage.turn();
  EXPECT_EQ(peer.receive(), "last");
  peer.close();
  stage.turn();
  EXPECT_EQ(client.closed.size(), 1U);
  client.connection->write(as_bytes("far too late"));
  stage.turn();
}

TEST(Connection, ReadsAgainWhenItIsClosedWhilePaused) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd);
  client.connection->pause_reading();
  stage.turn();
  client.connection->close();
  peer.send("unread");
  stage.turn();
  peer.close();
  stage.turns(2);
  EXPECT_THAT(client.closed, ElementsAre(CloseReason::closed_by_us));
}

TEST(Connection, AbortsWithoutAWordAndWithoutAReset) {
  Stage stage;
  auto [fd, peer] = tcp_pair();
  Client client;
  stage.connect(client, fd);
  peer.send("unread");
  client.connection->abort();
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.at_end());
  EXPECT_FALSE(peer.was_reset());
  stage.turns(2);
  EXPECT_THAT(client.closed, IsEmpty());
  EXPECT_EQ(stage.counters.connections_closed.value(), 1U);
}

TEST(Connection, MayBeDeletedInsideAnyCallback) {
  Stage stage;
  {
    auto [fd, peer] = socket_pair();
    Client client;
    stage.connect(client, fd);
    client.consume = [&](ByteView, std::uint64_t&) -> std::size_t {
      client.connection->write(as_bytes("never sent"));
      client.connection.reset();
      return 1'000'000;
    };
    peer.send("x");
    stage.turns(2);
    EXPECT_EQ(peer.receive(), "");
    EXPECT_TRUE(peer.at_end());
  }
  {
    auto [fd, peer] = socket_pair();
    Client client;
    stage.connect(client, fd);
    client.when_closed = [&] { client.connection.reset(); };
    peer.close();
    stage.turns(2);
    EXPECT_EQ(client.closed.size(), 1U);
  }
  {
    auto [fd, peer] = socket_pair();
    Client client;
    stage.connect(client, fd, {.write_high_bytes = 10, .write_low_bytes = 5});
    client.when_drained = [&] { client.connection.reset(); };
    client.connection->write(as_bytes("more than ten bytes"));
    stage.turns(2);
    EXPECT_EQ(client.drained, 1);
    EXPECT_EQ(client.connection, nullptr);
  }
  {
    auto [fd, peer] = socket_pair();
    Client client;
    stage.connect(client, fd, {.linger_ms = 10});
    client.when_closed = [&] { client.connection.reset(); };
    client.connection->close();
    stage.turn();
    stage.clock.advance_ms(100);
    stage.turn();
    EXPECT_EQ(client.connection, nullptr);
  }
}

TEST(Connection, MovesToAnotherCoreFromInsideItsCallback) {
  Stage stage;
  core::Core other(CoreId{1}, stage.clock);
  auto [fd, peer] = socket_pair();
  Client gate;
  Client session;
  stage.connect(gate, fd);
  gate.connection->write(as_bytes("written before, "));
  gate.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    EXPECT_EQ(as_text(bytes), "connect,subscribe");
    auto moving = std::make_shared<DetachedConnection>(gate.connection->detach(8));
    other.post([&, moving] {
      session.connection =
          std::make_unique<Connection>(other, std::move(*moving), session, stage.counters);
      session.connection->write(as_bytes("written after"));
    });
    gate.connection.reset();
    return 0;
  };
  peer.send("connect,subscribe");
  stage.turn();
  peer.send(",publish");
  other.run_once(0);
  other.run_once(0);
  EXPECT_EQ(session.received, "subscribe,publish");
  EXPECT_EQ(peer.receive(), "written before, written after");
  EXPECT_EQ(stage.counters.connections_closed.value(), 0U);
}

TEST(Connection, MovesItsRemainderAndBacklogFromOutsideCallbacks) {
  Stage stage;
  auto [fd, peer] = socket_pair();
  Client first;
  Client second;
  stage.connect(first, fd);
  first.consume = [](ByteView, std::uint64_t&) { return 0; };
  peer.send("half a pack");
  stage.turn();
  const std::string backlog(2'000'000, 'b');
  first.connection->write(as_bytes(backlog));
  stage.turn();
  stage.connect(second, first.connection->detach());
  first.connection.reset();
  EXPECT_TRUE(second.connection->is_congested());
  peer.send("et");
  std::string got;
  for (int i = 0; i < 100 && got.size() < backlog.size(); ++i) {
    stage.turn();
    got += peer.receive();
  }
  EXPECT_EQ(got.size(), backlog.size());
  EXPECT_EQ(second.received, "half a packet");
}

TEST(DetachedConnection, ClosesItsSocketWhenNobodyTakesIt) {
  auto [fd, peer] = socket_pair();
  {
    DetachedConnection first;
    first.fd = fd;
    const DetachedConnection second = std::move(first);
    EXPECT_EQ(peer.receive(), "");
    EXPECT_FALSE(peer.at_end());
  }
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.at_end());
}

}  // namespace
}  // namespace roost::net
