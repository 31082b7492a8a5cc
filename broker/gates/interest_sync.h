// SPDX-License-Identifier: Apache-2.0
// Keeps the nodes' tables of interest alike, and tells this node who leads what: says how its own
// bits change (routing/interest_feed.h), puts down what others say, asks them for permission to
// rely on it, and grants theirs. One a node, on core 0. README.md, "Who wants what elsewhere".
// Thread: core 0; when_seen(), on_feed() any core.
// Owner: the server.
#pragma once

#include <array>
#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/cores.h"
#include "broker/gates/interest_frames.h"
#include "broker/gates/peer_gate.h"
#include "broker/gates/peer_post.h"
#include "broker/gates/permissions.h"
#include "broker/gates/seen_barrier.h"
#include "broker/routing/interest_feed.h"
#include "broker/session/subscribed_gate.h"
#include "cluster/shard_hosts.h"

namespace roost::gates {

struct InterestCounters {
  Counter changes_sent, changes_received;  // of bits
  Counter wholes_sent;                     // all that is on, to one node
  Counter asked, granted;
  Counter waits;   // SUBACKs that had to wait for other nodes
  Counter missed;  // times that another node had taken this one for gone
  Counter broken;  // frames that couldn't be read
};

class InterestSync final : public session::SubscribedGate,
                           private PeerFrameHandler,
                           private routing::FeedReader,
                           private core::Timer {
 public:
  // `post`: core 0's. `hosts`: by core. Requires: the table has a feed.
  InterestSync(core::Cores& cores, PeerPost& post, routing::RoutingTable& table, PeerGates& gates,
               Permissions& permissions, const Clock& clock,
               std::vector<cluster::ShardHosts*> hosts);

  // In a turn of core 0, once.
  void start();
  // This node has joined: it takes clients from now on. In a turn of core 0.
  void serve() { is_serving_ = true; }
  void when_seen(core::Core& core, core::Task task) override;
  const InterestCounters& counters() const { return counters_; }

 private:
  static constexpr SteadyMs kTickMs = 100;
  static constexpr SteadyMs kAskMs = 400;         // permissions last a second at most
  static constexpr SteadyMs kQuietMs = 5000;      // so long nobody published: nothing is asked
  static constexpr SteadyMs kWaitingTickMs = 20;  // while a SUBACK waits
  static constexpr std::size_t kRoundsKept = 16;

  struct Remote {
    std::uint64_t incarnation = 0;  // of the latest process that was up; 0: gone
    std::string name;
    bool needs_whole = false;      // changes were left out: its way was full
    bool is_sending_whole = true;  // it has not said everything in this session yet
    std::uint64_t given_up = 0;    // was gone, and hasn't confirmed that it knows; 0: none
    std::uint64_t met = 0;         // incarnation of the latest process that was up, gone or not
    bool met_serving = false;      // this node took clients before that session began
    std::array<SteadyMs, kRoundsKept> asked{};
  };
  struct Lead {
    PeerId leader = kNoPeer;
    std::uint64_t epoch = 0;   // highest that was heard of
    bool is_complete = false;  // another node's: all its bits are here
    // The bit is still this node's own: what the next leader said meanwhile.
    bool is_deferred = false;
    boost::unordered_flat_set<std::uint32_t> deferred;
  };
  struct Waiting {
    core::Core* core;
    core::Task task;
  };

  // PeerFrameHandler
  void on_peer_up(const cluster::PeerInfo& peer) override;
  void on_peer_down(PeerId peer) override;
  void on_peer_gone(PeerId peer, std::uint64_t incarnation) override;
  void on_frame(PeerId from, const PeerFrame& frame) override;
  void on_feed() override;
  void on_timer() override;

  // What other nodes say.
  void on_interest(PeerId from, ByteView bytes);
  void on_ack(PeerId from, ByteView bytes);
  void on_ask(PeerId from, ByteView bytes);
  void on_grant(PeerId from, ByteView bytes);
  void begin_whole(PeerId from);
  void apply(PeerId from, const routing::InterestChange& change);
  void apply_bucket(PeerId from, const routing::InterestChange& change);
  void claim(PeerId from, ShardId shard, std::uint64_t epoch);
  void set_leader(ShardId shard, PeerId leader);
  void lose_leader(ShardId shard);
  void clear_node(PeerId peer);
  void on_missed(PeerId from);

  // What this one says.
  void flush();
  void take_note(const routing::InterestChanges& own);
  void own_leads(ShardId shard, std::uint64_t epoch);
  void own_ends(ShardId shard);
  void take_back(ShardId shard);
  void broadcast(const routing::InterestFeed::Part& part);
  void send_whole(PeerId to);
  void send_changes(PeerId to, bool is_whole, std::uint64_t version,
                    const routing::InterestChanges& changes);
  void send_number(PeerId to, PeerFrameKind kind, std::uint64_t number);
  void look_at_confirmations();
  void ask_and_look(SteadyMs now_ms);
  void grant(PeerId to, std::uint64_t round);
  void ask();
  void see_who_is_known();
  void run_due();
  void arm();
  template <typename Visit>
  void for_each_up(Visit&& visit);

  core::Cores& cores_;
  PeerPost& post_;
  routing::RoutingTable& table_;
  routing::InterestFeed& feed_;
  PeerGates& gates_;
  Permissions& permissions_;
  const Clock& clock_;  // for what is promised: a turn may be interrupted for long
  const std::vector<cluster::ShardHosts*> hosts_;
  SeenBarrier barrier_;
  std::array<Remote, kPeersMax> remotes_;
  std::vector<Lead> leads_;
  // By shard led here: ShardHosts::confirmed_ms as its core saw it last; 0: none.
  std::vector<std::atomic<SteadyMs>> confirmed_;
  std::uint64_t round_ = 0;
  std::uint64_t last_tag_ = 0;
  std::unordered_map<std::uint64_t, Waiting> waiting_;  // by tag
  SteadyMs ticked_ms_ = 0, asked_ms_ = 0;
  SteadyMs wanted_until_ms_ = 0;                              // permissions, here
  SteadyMs others_until_ms_ = 0;                              // ... by other nodes
  std::vector<std::pair<PeerId, std::uint64_t>> unanswered_;  // asked while nothing was looked at
  bool is_serving_ = false;
  InterestCounters counters_;
};

}  // namespace roost::gates
