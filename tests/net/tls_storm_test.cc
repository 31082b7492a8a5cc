// SPDX-License-Identifier: Apache-2.0
// Many TLS clients at once on one listener: whose turn it is, and who has to wait.
#include <gmock/gmock.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

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

TEST(TlsStorm, AcceptingWaitsWhileTooManyStepsDo) {
  Storm storm;
  storm.open(3);
  for (int i = 0; i < 8; ++i) storm.add().talk();
  BusyCore busy(storm);
  busy.turn();  // accepts: nothing waits yet
  busy.turn();
  EXPECT_EQ(storm.core().background_waiting(), 7U);
  for (int i = 0; i < 3; ++i) storm.add().talk();
  busy.turn();
  EXPECT_EQ(storm.counters[0].connections_opened.value(), 8U);
  EXPECT_EQ(storm.counters[0].accepts_deferred.value(), 1U);
  for (int i = 0; i < 200 && storm.accepted.size() < 11; ++i) {
    for (const auto& client : storm.clients) client->talk();
    storm.turns(1);
    storm.clock.advance_ms(5);
  }
  EXPECT_THAT(storm.accepted, SizeIs(11));
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
