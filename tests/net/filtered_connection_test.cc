// SPDX-License-Identifier: Apache-2.0
// Connections and listeners with filters on them, all the way from the socket.
#include <gmock/gmock.h>
#include <sys/un.h>

#include <algorithm>
#include <memory>
#include <string>

#include "broker/net/listener.h"
#include "broker/net/proxy_protocol.h"
#include "broker/net/tls.h"
#include "broker/net/websocket.h"
#include "tests/net/fixture.h"
#include "tests/net/listener_stage.h"
#include "tests/net/tls_client.h"
#include "tests/net/websocket_text.h"

namespace roost::net {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

// A client that speaks WebSocket over TLS.
class SecurePeer {
 public:
  explicit SecurePeer(Peer peer) : peer_(std::move(peer)) {}
  // Both sides talk until nothing moves; `turn` lets the server work.
  template <typename Turn>
  void talk(Turn turn) {
    for (int i = 0; i < 6; ++i) {
      peer_.send(tls_.exchange(peer_.receive()));
      turn();
    }
  }
  void write(const std::string& text) { peer_.send(tls_.write(text)); }
  TlsClient& tls() { return tls_; }
  Peer& peer() { return peer_; }

 private:
  Peer peer_;
  TlsClient tls_;
};

TEST(Listener, StacksProxyTlsAndWebSocket) {
  const CertificateFolder folder;
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.proxy_protocol = true;
  settings.tls = std::make_unique<TlsSettings>(folder.server());
  settings.websocket = true;
  stage.open(std::move(settings));
  EXPECT_THAT(stage.listener->describe(), StartsWith("ws+tls+proxy on 127.0.0.1:"));

  SecurePeer client(Peer(connect_to("127.0.0.1", stage.listener->port())));
  client.peer().send("PROXY TCP4 192.0.2.7 10.0.0.1 51235 443\r\n");
  client.talk([&] { stage.turns(1); });
  ASSERT_TRUE(client.tls().connected());
  EXPECT_THAT(stage.accepted, IsEmpty());
  client.write(upgrade() + frame(kBinary, "connect"));
  stage.turns(1);
  ASSERT_THAT(stage.accepted, SizeIs(1));
  EXPECT_EQ(stage.accepted[0].peer.address, "192.0.2.7:51235");
  EXPECT_FALSE(stage.accepted[0].peer.is_loopback);
  EXPECT_TRUE(stage.accepted[0].peer.tls);
  EXPECT_THAT(stage.accepted[0].filters, SizeIs(2));  // the prelude is over
  EXPECT_EQ(stage.counters[0].tls_handshakes.value(), 1U);
  EXPECT_EQ(stage.counters[0].websocket_handshakes.value(), 1U);

  Client session;
  core::Core& core = stage.cores.at(CoreId{0});
  session.connection =
      std::make_unique<Connection>(core, std::move(stage.accepted[0]), session, stage.counters[0]);
  session.connection->write(as_bytes("connack"));
  stage.turns(1);
  EXPECT_EQ(session.received, "connect");
  client.talk([&] { stage.turns(1); });
  EXPECT_THAT(client.tls().received(), StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(client.tls().received(), HasSubstr("\r\n\r\n\x82\x07"
                                                 "connack"));

  session.connection->close();
  client.talk([&] { stage.turns(1); });
  EXPECT_THAT(client.tls().received(), ::testing::EndsWith("\x88\x02\x03\xE8"s));
  EXPECT_TRUE(client.tls().was_closed());
  EXPECT_TRUE(client.peer().at_end());
  client.peer().close();
  stage.turns(1);
  EXPECT_THAT(session.closed, ElementsAre(CloseReason::closed_by_us));
}

TEST(Listener, HandsAProxiedPlainConnectionUpWithoutFilters) {
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.proxy_protocol = true;
  stage.open(std::move(settings));
  const Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  peer.send("PROXY TCP4 192.0.2.7 10.0.0.1 51235 1883\r\nmqtt");
  stage.turns(2);
  ASSERT_THAT(stage.accepted, SizeIs(1));
  EXPECT_THAT(stage.accepted[0].filters, IsEmpty());
  EXPECT_EQ(as_text(stage.accepted[0].unread), "mqtt");
}

TEST(Listener, HoldsAPlaceForWhoComesBehindAProxy) {
  Admission admission({.connections_max = 10, .connections_per_address_max = 1});
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.proxy_protocol = true;
  settings.admission = &admission;
  stage.open(std::move(settings));
  const auto connect = [&stage] {
    Peer peer(connect_to("127.0.0.1", stage.listener->port()));
    peer.send("PROXY TCP4 203.0.113.7 192.0.2.1 5 6\r\nmqtt");
    stage.turns(3);
    return peer;
  };
  const Peer one = connect();
  EXPECT_THAT(stage.accepted, SizeIs(1));
  EXPECT_EQ(admission.connections(), 1U);
  const Peer other = connect();
  EXPECT_THAT(stage.accepted, SizeIs(1));
  EXPECT_EQ(admission.counters().address_full.load(), 1U);
  stage.accepted.clear();
  EXPECT_EQ(admission.connections(), 0U);
}

TEST(Listener, EndsAHandshakeThatTakesTooLong) {
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.websocket = true;
  settings.max_connections = 1;
  settings.handshake_timeout_ms = 1'000;
  stage.open(std::move(settings));
  Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  peer.send("GET / HT");
  stage.turns(2);
  stage.clock.advance_ms(990);
  stage.turns(1);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_FALSE(peer.at_end());
  stage.clock.advance_ms(40);
  stage.turns(1);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.at_end());
  EXPECT_EQ(stage.counters[0].websocket_refusals.value(), 1U);
  EXPECT_EQ(stage.counters[0].connections_closed.value(), 1U);
  EXPECT_THAT(stage.log.lines, ::testing::Contains(HasSubstr("took too long")));
  // Its place is free again.
  const Peer next(connect_to("127.0.0.1", stage.listener->port()));
  next.send(upgrade());
  stage.turns(2);
  EXPECT_THAT(stage.accepted, SizeIs(1));
}

TEST(Listener, SaysWhyAHandshakeIsRefused) {
  const CertificateFolder folder;
  const struct {
    bool proxy, tls, websocket;
    std::string bytes;
    std::string answer;
    std::string line;
    Counter NetCounters::*counter;
  } cases[] = {
      {true, false, false, "\x10\x0E\x00\x04MQTT"s, "", "no PROXY header",
       &NetCounters::proxy_refusals},
      {false, true, false, "\x10\x0E\x00\x04MQTT\x04\x02\x00\x3C\x00\x02id"s, "", "speaking TLS",
       &NetCounters::tls_handshake_failures},
      {false, false, true, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 426 ", "HTTP 426",
       &NetCounters::websocket_refusals},
      {true, false, true, "PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n\r\n", "HTTP/1.1 426 ", "HTTP 426",
       &NetCounters::websocket_refusals},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.line);
    ListenerStage stage;
    ListenerSettings settings = local_settings();
    settings.proxy_protocol = each.proxy;
    settings.websocket = each.websocket;
    if (each.tls) settings.tls = std::make_unique<TlsSettings>(folder.server());
    stage.open(std::move(settings));
    Peer peer(connect_to("127.0.0.1", stage.listener->port()));
    peer.send(each.bytes);
    stage.turns(2);
    peer.send("unread bytes must not turn the FIN into an RST");
    stage.turns(1);
    EXPECT_THAT(peer.receive(), StartsWith(each.answer));
    EXPECT_TRUE(peer.at_end());
    EXPECT_FALSE(peer.was_reset());
    peer.close();
    stage.turns(2);
    EXPECT_EQ((stage.counters[0].*each.counter).value(), 1U);
    EXPECT_THAT(stage.log.lines, ElementsAre(HasSubstr(each.line)));
    EXPECT_EQ(stage.counters[0].connections_closed.value(), 1U);
  }
}

TEST(Listener, ForgetsAHandshakeWhosePeerWentAway) {
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.websocket = true;
  stage.open(std::move(settings));
  Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  peer.send("GET");
  stage.turns(2);
  peer.close();
  stage.turns(1);
  EXPECT_EQ(stage.counters[0].connections_closed.value(), 1U);
  EXPECT_THAT(stage.log.lines, IsEmpty());
}

TEST(Listener, MayGoWhileHandshakesAreUnderWay) {
  ListenerStage stage;
  ListenerSettings settings = local_settings();
  settings.websocket = true;
  stage.open(std::move(settings));
  Peer peer(connect_to("127.0.0.1", stage.listener->port()));
  peer.send("GET");
  stage.turns(2);
  stage.listener.reset();
  stage.turns(1);
  EXPECT_EQ(peer.receive(), "");
  EXPECT_TRUE(peer.at_end());
}

// --- a connection with a WebSocket on it ---

struct WebSocketStage : Stage {
  WebSocketStage() : WebSocketStage(socket_pair()) {}
  explicit WebSocketStage(std::pair<int, Peer> pair) : peer(std::move(pair.second)) {
    DetachedConnection from;
    from.fd = pair.first;
    from.filters.push_back(make_websocket_filter(""));
    FilterOutput app;
    FilterOutput wire;
    from.filters[0]->from_wire(as_bytes(upgrade()), app, wire);
    connect(client, std::move(from));
  }
  Peer peer;
  Client client;
};

TEST(FilteredConnection, OffersAPacketThatComesInManyFrames) {
  WebSocketStage stage;
  constexpr std::size_t kSize = 200'000;
  std::string packet(kSize, 'x');
  for (std::size_t i = 0; i < kSize; ++i) packet[i] = static_cast<char>('a' + i % 23);
  stage.client.consume = [&](ByteView bytes, std::uint64_t& wanted) -> std::size_t {
    wanted = kSize;
    if (bytes.size() < kSize) return 0;
    stage.client.received = as_text(bytes.first(kSize));
    return kSize;
  };
  for (std::size_t at = 0; at < kSize; at += 1'000) {
    stage.peer.send(frame(kBinary, std::string_view(packet).substr(at, 1'000)));
    stage.turn();
  }
  EXPECT_EQ(stage.client.received, packet);
  EXPECT_EQ(stage.client.offers, 2);
}

TEST(FilteredConnection, WrapsEachTurnsBytesTogether) {
  WebSocketStage stage;
  stage.client.connection->write(as_bytes("one,"));
  stage.client.connection->write(as_bytes("two"));
  EXPECT_EQ(stage.client.connection->backlog(), 7U);
  stage.turn();
  EXPECT_EQ(stage.peer.receive(), "\x82\x07one,two");
  EXPECT_EQ(stage.counters.writes.value(), 1U);
}

TEST(FilteredConnection, WrapsALargeBacklogPieceByPieceAndThenSaysGoodbye) {
  WebSocketStage stage;
  constexpr std::size_t kSize = 3'000'000, kBudget = 256 * 1024;
  stage.client.connection->write(as_bytes(std::string(kSize, 'x')));
  stage.client.connection->close();
  std::string got;
  std::uint64_t sent = 0;
  for (int i = 0; i < 1'000 && !stage.peer.at_end(); ++i) {
    stage.turn();
    EXPECT_LE(stage.counters.bytes_out.value() - sent, kBudget);
    EXPECT_LE(kSize - (stage.client.connection->backlog() + got.size()), 2 * kBudget);
    sent = stage.counters.bytes_out.value();
    got += stage.peer.receive();
  }
  EXPECT_EQ(std::count(got.begin(), got.end(), 'x'), static_cast<std::ptrdiff_t>(kSize));
  EXPECT_THAT(got, testing::EndsWith("\x88\x02\x03\xE8"));
}

TEST(FilteredConnection, AnswersAPingInTheSameTurn) {
  WebSocketStage stage;
  stage.peer.send(frame(kPing, "?"));
  stage.turn();
  EXPECT_EQ(stage.peer.receive(), "\x8A\x01?");
}

TEST(FilteredConnection, AnswersACloseFrameAndSaysThatThePeerClosed) {
  WebSocketStage stage;
  stage.peer.send(frame(kBinary, "last") + frame(kClose, "\x03\xE8"));
  stage.turn();
  EXPECT_EQ(stage.client.received, "last");
  EXPECT_EQ(stage.peer.receive(), "\x88\x02\x03\xE8"s);
  EXPECT_TRUE(stage.peer.at_end());
  EXPECT_THAT(stage.client.closed, ElementsAre(CloseReason::peer_closed));
}

TEST(FilteredConnection, KeepsLastBytesForAPausedReaderAlthoughTheLayerIsClosed) {
  WebSocketStage stage;
  stage.client.consume = [&](ByteView bytes, std::uint64_t&) -> std::size_t {
    stage.client.received += static_cast<char>(bytes.front());
    stage.client.connection->pause_reading();
    return 1;
  };
  stage.peer.send(frame(kBinary, "ab") + frame(kClose, ""));
  stage.turns(2);
  EXPECT_THAT(stage.client.closed, IsEmpty());
  stage.client.connection->resume_reading();
  stage.turns(2);
  EXPECT_EQ(stage.client.received, "ab");
  stage.client.connection->resume_reading();
  stage.turns(2);
  EXPECT_THAT(stage.client.closed, ElementsAre(CloseReason::peer_closed));
}

TEST(FilteredConnection, LetsThePeerReadWhyItWasRefused) {
  WebSocketStage stage(tcp_pair());
  stage.peer.send(frame(kText, "text"));
  stage.turn();
  stage.peer.send("more");
  stage.turn();
  EXPECT_EQ(stage.peer.receive(), "\x88\x02\x03\xEB"s);
  EXPECT_TRUE(stage.peer.at_end());
  EXPECT_FALSE(stage.peer.was_reset());
  stage.peer.close();
  stage.turn();
  EXPECT_THAT(stage.client.closed, ElementsAre(CloseReason::transport_error));
}

TEST(FilteredConnection, MovesWithItsFiltersInTheMiddleOfAFrame) {
  WebSocketStage stage;
  core::Core other(CoreId{1}, stage.clock);
  const std::string wire = frame(kBinary, "first half, second half");
  stage.peer.send(wire.substr(0, 17));
  stage.turn();
  EXPECT_EQ(stage.client.received, "first half,");
  stage.client.connection->write(as_bytes("written before"));
  Client session;
  session.connection = std::make_unique<Connection>(other, stage.client.connection->detach(),
                                                    session, stage.counters);
  stage.client.connection.reset();
  session.connection->write(as_bytes("written after"));
  stage.peer.send(wire.substr(17));
  other.run_once(0);
  EXPECT_EQ(session.received, " second half");
  EXPECT_EQ(stage.peer.receive(), "\x82\x0Ewritten before\x82\x0Dwritten after");
}

}  // namespace
}  // namespace roost::net
