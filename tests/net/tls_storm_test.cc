// SPDX-License-Identifier: Apache-2.0
// Many TLS clients at once on one listener: whose turn it is, and who has to wait.
#include <gmock/gmock.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/net/handshake_pace.h"
#include "broker/net/ticket_keys.h"
#include "tests/net/fixture.h"
#include "tests/net/listener_stage.h"
#include "tests/net/tls_client.h"

namespace roost::net {
namespace {

using ::testing::SizeIs;

struct Storm : ListenerStage {
  struct Client {
    explicit Client(std::uint16_t port) : peer(connect_to("127.0.0.1", port)) {}
    void talk() { peer.send(tls.exchange(peer.receive())); }
    Peer peer;
    TlsClient tls;
  };

  void open(std::uint32_t handshakes_max = 0) {
    ListenerSettings settings = local_settings();
    settings.tls = std::make_unique<TlsSettings>(folder.server());
    settings.tls->tickets = std::make_shared<TicketKeys>(clock);
    settings.handshakes_max = handshakes_max;
    ListenerStage::open(std::move(settings));
  }
  Client& add() {
    clients.push_back(std::make_unique<Client>(listener->port()));
    return *clients.back();
  }
  void serve_all() {
    for (int i = 0; i < 300 && accepted.size() < clients.size(); ++i) {
      for (const auto& client : clients) client->talk();
      turns(1);
      clock.advance_ms(5);
    }
  }
  core::Core& core() { return cores.at(CoreId{0}); }

  const CertificateFolder folder;
  std::vector<std::unique_ptr<Client>> clients;
};

// While it waits, the core is kept busy: each turn is longer than the background's share of it.
struct BusyCore {
  explicit BusyCore(Storm& storm) : storm_(storm) {}
  void turn() {
    storm_.core().post([this] { storm_.clock.advance_ms(5); });
    storm_.turns(1);
  }

 private:
  Storm& storm_;
};

TEST(TlsStorm, ABusyCoreDoesOneStepATurn) {
  Storm storm;
  storm.open();
  for (int i = 0; i < 4; ++i) storm.add().talk();
  BusyCore busy(storm);
  busy.turn();  // accepts
  busy.turn();  // reads, and does the first
  EXPECT_EQ(storm.core().background_waiting(), 3U);
  busy.turn();
  EXPECT_EQ(storm.core().background_waiting(), 2U);
}

TEST(TlsStorm, WhoComesBackOrIsHalfThroughGoesFirst) {
  Storm storm;
  storm.open();
  Storm::Client& known = storm.add();
  for (int i = 0; i < 4; ++i) {
    known.talk();
    storm.turns(2);
  }
  ASSERT_THAT(storm.accepted, SizeIs(1));
  // The ticket is in what the server has for its client still.
  std::array<iovec, 4> segments;
  const std::size_t count =
      storm.accepted[0].to_write.gather(segments.data(), segments.size(), 1'000'000);
  for (const iovec& each : std::span(segments).first(count)) {
    known.tls.exchange({static_cast<const char*>(each.iov_base), each.iov_len});
  }
  ::SSL_set_shutdown(known.tls.ssl(), SSL_SENT_SHUTDOWN);
  SSL_SESSION* const session = ::SSL_get1_session(known.tls.ssl());
  ASSERT_EQ(::SSL_SESSION_is_resumable(session), 1);

  for (int i = 0; i < 5; ++i) storm.add().talk();
  Storm::Client& back = storm.add();
  ::SSL_set_session(back.tls.ssl(), session);
  back.talk();
  BusyCore busy(storm);
  busy.turn();  // accepts all
  busy.turn();  // reads all; the one that comes back is served
  EXPECT_EQ(storm.core().background_waiting(), 5U);
  back.talk();
  EXPECT_TRUE(back.tls.connected());
  busy.turn();
  EXPECT_THAT(storm.accepted, SizeIs(2));
  EXPECT_EQ(storm.core().background_waiting(), 5U);
  ::SSL_SESSION_free(session);
}

TEST(TlsStorm, AcceptingWaitsWhileTooManyDo) {
  Storm storm;
  storm.open(1);
  for (int i = 0; i < 16; ++i) storm.add().talk();
  BusyCore busy(storm);
  for (int i = 0; i < 3; ++i) busy.turn();
  EXPECT_EQ(storm.counters[0].connections_opened.value(), 16U);
  for (int i = 0; i < 60; ++i) storm.add().talk();
  for (int i = 0; i < 3; ++i) busy.turn();
  EXPECT_LT(storm.counters[0].connections_opened.value(), 76U);
  EXPECT_GE(storm.counters[0].accepts_deferred.value(), 1U);
  storm.serve_all();
  EXPECT_THAT(storm.accepted, SizeIs(76));
}

TEST(TlsStorm, NoMoreThanTheLimitAreUnderWay) {
  Storm storm;
  storm.open(2);
  for (int i = 0; i < 5; ++i) storm.add().talk();
  storm.turns(10);
  int answered = 0;
  for (const auto& client : storm.clients) {
    const std::string from_server = client->peer.receive();
    if (from_server.empty()) continue;
    ++answered;
    client->peer.send(client->tls.exchange(from_server));
  }
  EXPECT_EQ(answered, 2);
  storm.turns(2);
  EXPECT_THAT(storm.accepted, SizeIs(2));
  storm.serve_all();
  EXPECT_THAT(storm.accepted, SizeIs(5));
}

// All places are theirs for a moment, and later a tenth of them is somebody else's.
TEST(TlsStorm, SilentOnesKeepNobodyOut) {
  constexpr int kPlaces = 20;
  Storm storm;
  storm.open(kPlaces);
  for (int i = 0; i < kPlaces; ++i) storm.add().talk();
  storm.turns(kPlaces);
  const auto begin = [&storm] {
    Storm::Client& client = storm.add();
    client.talk();
    storm.turns(3);
    return &client;
  };
  Storm::Client* next = begin();
  next->talk();
  EXPECT_FALSE(next->tls.connected());
  storm.clock.advance_ms(HandshakePace::kLateMs + 200);
  storm.turns(3);
  next->talk();
  EXPECT_TRUE(next->tls.connected());
  std::size_t answered = 0;
  for (int i = 0; i < kPlaces; ++i) answered += begin()->peer.receive().empty() ? 0 : 1;
  EXPECT_EQ(answered, kPlaces / HandshakePace::kNeverForTheLate + 1);
}

// A generator, or a network, that answers slowly finds no more of them begun for it.
TEST(TlsStorm, WhoIsLateStillHasAPlace) {
  Storm storm;
  storm.open(20);
  std::vector<Storm::Client*> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(&storm.add());
    slow.back()->talk();
  }
  storm.turns(20);
  storm.clock.advance_ms(HandshakePace::kLateMs + 200);
  for (int i = 0; i < 20; ++i) storm.add().talk();
  storm.turns(20);
  EXPECT_EQ(storm.counters[0].tls_handshakes.value(), 0U);
  for (Storm::Client* client : slow) client->talk();
  storm.turns(20);
  EXPECT_THAT(storm.accepted, SizeIs(20));
  storm.serve_all();
  EXPECT_THAT(storm.accepted, SizeIs(40));
}

TEST(TlsStorm, NothingIsSpentOnWhoHasGone) {
  Storm storm;
  storm.open();
  for (int i = 0; i < 3; ++i) storm.add().talk();
  BusyCore busy(storm);
  busy.turn();
  busy.turn();
  ASSERT_EQ(storm.core().background_waiting(), 2U);
  for (const auto& client : storm.clients) client->peer.close();
  busy.turn();
  EXPECT_EQ(storm.core().background_waiting(), 0U);
  EXPECT_EQ(storm.counters[0].connections_closed.value(), 3U);
}

TEST(TlsStorm, TheLastWordsOfWhoLeavesAreRead) {
  Storm storm;
  storm.open();
  Storm::Client& client = storm.add();
  client.talk();
  storm.turns(2);
  client.talk();
  ASSERT_TRUE(client.tls.connected());
  client.peer.send(client.tls.write("last words"));
  client.peer.half_close();
  BusyCore busy(storm);
  for (int i = 0; i < 3; ++i) busy.turn();
  ASSERT_THAT(storm.accepted, SizeIs(1));
  EXPECT_EQ(as_text(storm.accepted[0].unread), "last words");
}

}  // namespace
}  // namespace roost::net
