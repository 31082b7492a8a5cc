// SPDX-License-Identifier: Apache-2.0
// A node's network on loopback, with what it was told; every event is held against the contract of
// PeerEvents as it comes.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cluster/peer/grpc_peer_network.h"
#include "tests/support/vector_log.h"

namespace roost::cluster {

inline constexpr std::chrono::seconds kPatience{30};

class PeerRecorder final : public PeerEvents {
 public:
  struct Peer {
    std::uint64_t session = 0;  // that is up; 0: none
    std::uint64_t last_session = 0;
    int ups = 0;
    int downs = 0;
    PeerIdentity identity;
    std::optional<PeerView::Seen> seen;
    std::vector<PeerView::Seen> views;
    std::array<std::vector<std::string>, kLanes>
        chunks;  // of all sessions, where nobody takes them
    std::vector<std::shared_ptr<const void>> held;
  };
  using Told = std::map<std::uint16_t, Peer>;  // by id
  using Take = std::function<void(PeerId from, Lane lane, Chunk chunk)>;

  explicit PeerRecorder(Take take) : take_(std::move(take)) {}

  void on_peer_up(PeerId peer, std::uint64_t session, const PeerIdentity& identity) override;
  void on_peer_down(PeerId peer, std::uint64_t session) override;
  void on_peer_seen(PeerId peer, PeerView::Seen seen) override;
  void on_chunks(PeerId from, std::uint64_t session, Lane lane, Chunks chunks) override;

  // Whether it came to hold within the patience.
  bool wait_for(const std::function<bool(Told&)>& holds);
  Told told();
  void keep_held(bool keep);
  void let_go(PeerId peer);

 private:
  class OneAtATime;

  const Take take_;
  std::array<std::atomic<bool>, kPeersMax> is_told_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  Told told_;
  bool keeps_held_ = false;
};

struct NodeOptions {
  std::string cluster = "farm";
  std::uint64_t incarnation = 1;
  std::uint32_t protocol = 1;
  std::uint16_t port = 0;  // 0: any
  PeerTls tls = {};
  PeerRecorder::Take take = {};  // chunks; none: they are kept
};

class PeerNode {
 public:
  explicit PeerNode(const std::string& name, NodeOptions options = {});

  GrpcPeerNetwork& network() { return *network_; }
  PeerRecorder& events() { return events_; }
  support::VectorLog& log() { return log_; }
  const std::string& name() const { return name_; }
  std::uint16_t port() const { return network_->port(); }
  PeerAddress as(PeerId id) const;

  bool wait_up(PeerId peer);
  bool wait_down(PeerId peer);
  bool wait_seen(PeerId peer, PeerView::Seen seen);
  std::uint64_t session(PeerId peer);
  bool send(PeerId to, Lane lane, std::string chunk);  // of the session that is up

 private:
  const std::string name_;
  support::VectorLog log_;
  PeerRecorder events_;
  std::unique_ptr<GrpcPeerNetwork> network_;
};

// In the tests' nodes `a`, `b` and `c` have these ids with the others.
inline constexpr PeerId kA{1};
inline constexpr PeerId kB{2};
inline constexpr PeerId kC{3};

void join(PeerNode& a, PeerNode& b);
// Both are up with each other.
void link(PeerNode& a, PeerNode& b);
// Polled, for what nobody is told of.
bool comes_true(const std::function<bool()>& holds);

}  // namespace roost::cluster
