// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/grpc_peer_network.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "broker/base/check.h"
#include "cluster/peer/link_table.h"
#include "cluster/peer/peer_link.h"
#include "cluster/peer/peer_service.h"
#include "cluster/peer/transport.h"

namespace roost::cluster {
namespace {

using peer::LinkTable;
using peer::PeerLink;
using peer::PeerService;

class Network final : public GrpcPeerNetwork {
 public:
  Network(PeerNetworkOptions options, PeerEvents& events, Log& log)
      : options_(std::move(options)),
        events_(events),
        log_(log),
        live_(std::make_shared<peer::LiveCount>()),
        pacer_(clock_, counts_.waits, [this] { wake(is_paced_); }),
        service_(std::make_shared<PeerService>(options_.self, links_, log_, counts_, live_)) {}

  // Requires: once, before all else.
  Result<void> start() {
    auto transport = peer::Transport::make(
        options_.bind, options_.tls,
        [this](peer::Wire& wire) -> peer::WireEvents& { return service_->accept(wire); });
    if (!transport) return Unexpected(transport.error());
    transport_ = std::move(*transport);
    prober_ = std::make_unique<peer::Prober>();
    context_.emplace(peer::LinkContext{options_.self, log_, counts_, *prober_, pacer_, *transport_,
                                       live_, [this] { wake(is_woken_); }});
    timers_ = std::thread([this] { run(); });
    return {};
  }

  ~Network() override {
    if (!transport_) return;
    {
      std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    woken_.notify_all();
    timers_.join();
    prober_.reset();
    service_->close();
    for (const auto& link : links_.all()) link->close(false);
    transport_->stop();
    live_->wait_for_none();
  }

  void set_peers(std::vector<PeerAddress> peers) override {
    // Told when the lock is free: who is told may change the peers.
    for (const auto& link : change_peers(peers)) link->deliver();
    wake(is_woken_);
  }

  bool send(PeerId to, std::uint64_t session, Lane lane, std::string chunk) override {
    CHECK(!chunk.empty() && chunk.size() <= kChunkBytesMax);
    const auto link = links_.find(to);
    return link && link->send(session, lane, std::move(chunk));
  }

  std::size_t waiting_bytes(PeerId to, Lane lane) const override {
    const auto link = links_.find(to);
    return link ? link->waiting_bytes(lane) : 0;
  }

  std::uint16_t port() const override { return transport_->port(); }
  PeerCounters counters() const override { return counts_.read(); }

 private:
  // Returns those that have something to tell.
  LinkTable::Links change_peers(const std::vector<PeerAddress>& peers) {
    std::lock_guard lock(set_mutex_);
    LinkTable::Links before = links_.all();
    for (const auto& link : before) {
      const bool stays = std::any_of(peers.begin(), peers.end(), [&](const PeerAddress& peer) {
        return peer.id == link->id() && peer.name == link->name();
      });
      if (stays) continue;
      links_.remove(*link);
      link->close(true);
    }
    for (const PeerAddress& peer : peers) {
      CHECK(peer.id.value < kPeersMax && peer.name != options_.self.name);
      if (const auto link = links_.find(peer.id)) {
        link->move_to(peer.address);
        continue;
      }
      auto& queue = queues_[peer.id.value];
      if (!queue) queue = std::make_shared<peer::EventQueue>(events_, peer.id);
      links_.add(std::make_shared<PeerLink>(*context_, peer, queue));
    }
    return before;
  }

  void wake(bool& why) {
    {
      std::lock_guard lock(mutex_);
      why = true;
    }
    woken_.notify_all();
  }

  void run() {
    std::int64_t due = 0;
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
      const std::int64_t now = peer::now_ms();
      const bool is_due = std::exchange(is_woken_, false) || now >= due;
      is_paced_ = false;
      lock.unlock();
      if (is_due) due = std::max(tick_all(now), now + 1);
      const std::int64_t next = std::min(due, pacer_.tick());
      lock.lock();
      const auto until = std::chrono::steady_clock::time_point(std::chrono::milliseconds(next));
      woken_.wait_until(lock, until, [this] { return is_woken_ || is_paced_ || is_stopping_; });
    }
  }

  std::int64_t tick_all(std::int64_t now) {
    std::int64_t due = service_->tick(now);
    for (const auto& link : links_.all()) due = std::min(due, link->tick(now));
    return due;
  }

  const PeerNetworkOptions options_;
  PeerEvents& events_;
  Log& log_;
  peer::Counts counts_;
  LinkTable links_;
  const std::shared_ptr<peer::LiveCount> live_;
  const SystemClock clock_;
  peer::Pacer pacer_;
  const std::shared_ptr<PeerService> service_;
  std::unique_ptr<peer::Transport> transport_;
  std::unique_ptr<peer::Prober> prober_;
  std::optional<peer::LinkContext> context_;
  std::mutex set_mutex_;                                             // one set_peers() at a time
  std::array<std::shared_ptr<peer::EventQueue>, kPeersMax> queues_;  // guarded by set_mutex_
  std::mutex mutex_;
  std::condition_variable woken_;
  bool is_woken_ = false;     // guarded by mutex_
  bool is_paced_ = false;     // guarded by mutex_; a lane waits for a slot
  bool is_stopping_ = false;  // guarded by mutex_
  std::thread timers_;
};

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("localhost:") ||
         address.starts_with("[::1]:");
}

}  // namespace

Result<std::unique_ptr<GrpcPeerNetwork>> make_peer_network(PeerNetworkOptions options,
                                                           PeerEvents& events, Log& log) {
  const PeerTls& tls = options.tls;
  const bool is_secure = !tls.ca_file.empty();
  if (tls.cert_file.empty() == is_secure || tls.key_file.empty() == is_secure) {
    return error(ErrorKind::invalid_argument,
                 "TLS between nodes takes an authority, a certificate and a key");
  }
  if (options.self.name.empty() || options.self.cluster.empty()) {
    return error(ErrorKind::invalid_argument,
                 "a node of a cluster has a name, and so has the cluster");
  }
  if (!is_secure && !is_loopback(options.bind)) {
    log.write(LogLevel::warn, "nodes talk in plain text at " + options.bind +
                                  ", and anyone who reaches it is taken for a peer");
  }
  auto network = std::make_unique<Network>(std::move(options), events, log);
  if (auto started = network->start(); !started) return Unexpected(started.error());
  return std::unique_ptr<GrpcPeerNetwork>(std::move(network));
}

}  // namespace roost::cluster
