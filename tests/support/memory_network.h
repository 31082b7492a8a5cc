// SPDX-License-Identifier: Apache-2.0
// A network in memory between nodes of one test: links that can be cut (one way too) and delayed.
// Delivers on a thread of its own, in real time. A node that is destroyed has died: its peers see
// their sessions end and the connection refused.
// Thread: any thread.
// Owner: the test; it outlives its nodes.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/peer_network.h"

namespace roost::support {

class MemoryNetwork {
 public:
  class Node;

  // A link that is cut is seen as dead so long afterwards; until then what is sent vanishes.
  explicit MemoryNetwork(std::chrono::milliseconds silence = std::chrono::milliseconds(50));
  ~MemoryNetwork();
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;

  // `address`: where its peers find it. `events` outlives the node.
  std::unique_ptr<Node> open(cluster::PeerIdentity self, std::string address,
                             cluster::PeerEvents& events);

  // --- faults; nodes by name ---
  void cut(const std::string& a, const std::string& b);
  void cut_one_way(const std::string& from, const std::string& to);
  void cut_off(const std::string& node);  // from all others, also from those that come later
  void heal(const std::string& a, const std::string& b);
  void heal_all();
  void delay(const std::string& from, const std::string& to, std::chrono::milliseconds by);
  // What dies is silent from now on, as a machine that is gone; else its address refuses.
  void set_silent(const std::string& node, bool is_silent);

 private:
  using Time = std::chrono::steady_clock::time_point;
  using Pair = std::pair<std::string, std::string>;  // from, to; of a session: in name order

  struct Sent {
    Time due;
    std::string bytes;
  };
  struct Link {
    bool is_cut = false;
    std::chrono::milliseconds delay{0};
    std::array<std::deque<Sent>, cluster::kLanes> lanes;
    std::array<std::size_t, cluster::kLanes> waiting{};
    std::shared_ptr<std::size_t> held = std::make_shared<std::size_t>(0);  // bytes; guarded
  };
  struct Told {
    Node* to;
    std::function<void(cluster::PeerEvents&)> what;
  };

  static constexpr std::size_t kHeldMax = 8 << 20;

  static Pair ordered(const std::string& a, const std::string& b) {
    return a < b ? Pair{a, b} : Pair{b, a};
  }
  Node* find(const std::string& name);
  bool is_cut(const std::string& a, const std::string& b);
  void set_cut(const std::string& from, const std::string& to, bool is_cut);
  void review_all();
  void review(Node& a, Node& b);
  void end_session(const Pair& pair);
  void drop_queued(const Pair& pair);
  void see(Node& node);
  bool send(Node& from, PeerId to, std::uint64_t session, cluster::Lane lane, std::string bytes);
  void close(Node& node);
  void run();
  // The next thing that is due; nullopt: nothing, and `wake` says when the next will be.
  bool take_due(Told& next, Time& wake);
  bool take_sent(const Pair& pair, Link& link, Told& next, Time& wake);

  const std::chrono::milliseconds silence_;
  std::shared_ptr<std::mutex> mutex_ = std::make_shared<std::mutex>();
  std::shared_ptr<std::condition_variable> changed_ = std::make_shared<std::condition_variable>();
  // All guarded by mutex_.
  bool is_ending_ = false;
  std::map<std::string, Node*> nodes_;  // by name
  std::map<Pair, Link> links_;
  std::map<Pair, std::uint64_t> sessions_;
  std::map<std::string, bool> silent_, off_;
  std::multimap<Time, std::function<void()>> later_;
  std::deque<Told> told_;
  std::uint64_t last_session_ = 0;
  Node* telling_ = nullptr;
  std::thread thread_;
};

// One node's end of it.
class MemoryNetwork::Node final : public cluster::PeerNetwork {
 public:
  ~Node() override;

  void set_peers(std::vector<cluster::PeerAddress> peers) override;
  bool send(PeerId to, std::uint64_t session, cluster::Lane lane, std::string chunk) override;
  std::size_t waiting_bytes(PeerId to, cluster::Lane lane) const override;

 private:
  friend class MemoryNetwork;
  Node(MemoryNetwork& network, cluster::PeerIdentity self, std::string address,
       cluster::PeerEvents& events)
      : network_(network), self_(std::move(self)), address_(std::move(address)), events_(events) {}

  const cluster::PeerAddress* peer(PeerId id) const;
  const cluster::PeerAddress* peer(const std::string& name) const;

  MemoryNetwork& network_;
  const cluster::PeerIdentity self_;
  const std::string address_;
  cluster::PeerEvents& events_;
  // Guarded by the network.
  std::vector<cluster::PeerAddress> peers_;
  std::map<std::string, cluster::PeerView::Seen> seen_;
};

}  // namespace roost::support
