// SPDX-License-Identifier: Apache-2.0
// Connections that wander between running cores while their clients talk; for ThreadSanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "broker/net/listener.h"
#include "tests/net/fixture.h"
#include "tests/net/listener_stage.h"
#include "tests/net/tls_client.h"

namespace roost::net {
namespace {

constexpr std::uint16_t kCores = 3;
constexpr std::size_t kLineSize = 16;
constexpr int kClients = 12;
constexpr int kLines = 300;

// Echoes lines; after every third one the connection moves on to the next core.
class Wanderer final : public ConnectionEvents {
 public:
  static void settle(core::Cores& cores, std::vector<NetCounters>& counters, core::Core& core,
                     DetachedConnection from, std::atomic<int>& alive) {
    auto* const wanderer = new Wanderer(cores, counters, core, alive);
    wanderer->connection_ =
        std::make_unique<Connection>(core, std::move(from), *wanderer, counters[core.id().value]);
  }

 private:
  Wanderer(core::Cores& cores, std::vector<NetCounters>& counters, core::Core& core,
           std::atomic<int>& alive)
      : cores_(cores), counters_(counters), core_(core), alive_(alive) {
    ++alive_;
  }
  ~Wanderer() { --alive_; }

  std::size_t on_bytes(ByteView bytes, std::uint64_t& wanted) override {
    EXPECT_TRUE(core_.is_current());
    std::size_t used = 0;
    while (bytes.size() - used >= kLineSize) {
      connection_->write(bytes.subspan(used, kLineSize));
      used += kLineSize;
      if (++lines_ % 3 != 0) continue;
      move_on(used);
      return 0;
    }
    wanted = kLineSize;
    return used;
  }

  void move_on(std::size_t used) {
    core::Core& next =
        cores_.at(CoreId{static_cast<std::uint16_t>((core_.id().value + 1) % kCores)});
    auto from = std::make_unique<DetachedConnection>(connection_->detach(used));
    next.post([&cores = cores_, &counters = counters_, &next, &alive = alive_,
               from = std::move(from)] { settle(cores, counters, next, std::move(*from), alive); });
    delete this;
  }

  void on_drained() override {}
  void on_closed(CloseReason) override { delete this; }

  core::Cores& cores_;
  std::vector<NetCounters>& counters_;
  core::Core& core_;
  std::atomic<int>& alive_;
  int lines_ = 0;
  std::unique_ptr<Connection> connection_;
};

std::string line(int client, int number) {
  std::string text = std::to_string(client) + ':' + std::to_string(number);
  text.resize(kLineSize, '.');
  return text;
}

std::string receive_some(int fd) {
  char buffer[4096];
  const auto got = ::recv(fd, buffer, sizeof(buffer), 0);
  return {buffer, static_cast<std::size_t>(std::max<std::ptrdiff_t>(got, 0))};
}

void talk(int client, std::uint16_t port) {
  const Peer peer(connect_to("127.0.0.1", port));
  std::string expected;
  std::string got;
  for (int i = 0; i < kLines; ++i) {
    const std::string text = line(client, i);
    ASSERT_EQ(peer.send(text), text.size());
    expected += text;
    // Sometimes in lockstep, sometimes several lines under way.
    while (i % 5 == 4 && got.size() < expected.size()) got += receive_some(peer.fd());
  }
  while (got.size() < expected.size()) got += receive_some(peer.fd());
  EXPECT_EQ(got, expected);
}

void talk_tls(int client, std::uint16_t port) {
  const Peer peer(connect_to("127.0.0.1", port));
  TlsClient tls;
  peer.send(tls.exchange(""));
  while (!tls.connected()) peer.send(tls.exchange(receive_some(peer.fd())));
  std::string expected;
  for (int i = 0; i < kLines / 3; ++i) {
    peer.send(tls.write(line(client, i)));
    expected += line(client, i);
    while (i % 5 == 4 && tls.received().size() < expected.size()) {
      peer.send(tls.exchange(receive_some(peer.fd())));
    }
  }
  while (tls.received().size() < expected.size()) tls.exchange(receive_some(peer.fd()));
  EXPECT_EQ(tls.received(), expected);
}

void wander(ListenerSettings settings, void (*talk_to)(int, std::uint16_t)) {
  SystemClock clock;
  std::vector<NetCounters> counters(kCores);
  NullLog log;
  std::atomic<int> alive{0};
  core::Cores cores(kCores, clock);
  auto opened = Listener::open(std::move(settings), cores, counters, log);
  ASSERT_TRUE(opened) << opened.error().message;
  opened.value()->start([&](core::Core& core, DetachedConnection connection) {
    Wanderer::settle(cores, counters, core, std::move(connection), alive);
  });
  cores.start();
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(talk_to, i, opened.value()->port());
  }
  for (auto& client : clients) client.join();
  while (alive.load() > 0) std::this_thread::yield();
  cores.stop();
  std::uint64_t opened_count = 0;
  std::uint64_t closed_count = 0;
  for (const NetCounters& each : counters) {
    opened_count += each.connections_opened.value();
    closed_count += each.connections_closed.value();
  }
  EXPECT_EQ(opened_count, static_cast<std::uint64_t>(kClients));
  EXPECT_EQ(closed_count, opened_count);
}

TEST(ManyCores, EchoInOrderWhileConnectionsWander) { wander(local_settings(), &talk); }

TEST(ManyCores, EchoOverTlsWhileConnectionsWander) {
  const CertificateFolder folder;
  ListenerSettings settings = local_settings();
  settings.tls = std::make_unique<TlsSettings>(folder.server());
  wander(std::move(settings), &talk_tls);
}

}  // namespace
}  // namespace roost::net
