// SPDX-License-Identifier: Apache-2.0
// At the leader of a shard: which connection of a client id is the one. CONNECTs of one id are
// dealt with one after the other, in the order of their coming: older connections end first,
// wherever they are; then the session runs here, its client at a relay's end, or, a clean one, at
// the front under a generation granted to it. REPLICATION "Session ownership".
// Thread: core-bound.
// Owner: Relay, one a core.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/gates/claims.h"
#include "broker/gates/gates.h"
#include "broker/gates/peer_post.h"
#include "broker/gates/relay_frames.h"
#include "broker/gates/relay_link.h"
#include "broker/routing/peers.h"
#include "cluster/shard_hosts.h"

namespace roost::gates {

// This node's own front, which needs no frames. Implemented by RelayFront; may call back.
class OwnFront {
 public:
  virtual void receive(PeerId from, ShardId shard, const RelayGranted& frame) = 0;
  virtual void receive(PeerId from, ShardId shard, const RelayRefused& frame) = 0;
  virtual void receive(PeerId from, ShardId shard, const RelayClose& frame) = 0;
  virtual void receive(PeerId from, ShardId shard, const RelayClosed& frame) = 0;
  // The session of that client runs on this node, without a relay: connect it.
  virtual void run_here(ShardId shard, RelayNumber relay) = 0;

 protected:
  ~OwnFront() = default;
};

struct RelayLeaderCounters {
  Counter takeovers_late;  // an older connection's front didn't answer in time
  Counter refused;         // this node doesn't lead (any more)
  Counter broken;          // frames that can't be read
};

class RelayLeader final : private core::TurnEnd, private core::Timer {
 public:
  // That long after the whole ISR held to its epoch a leader may let a clean session begin without
  // a record: whoever leads next is elected later than that. Others are proven by their record.
  static constexpr SteadyMs kCertainMs = 1000;

  RelayLeader(Gates& gates, PeerPost& post, const cluster::ShardHosts& hosts, const Clock& clock)
      : gates_(gates), post_(post), hosts_(hosts), clock_(clock) {}
  ~RelayLeader() override;
  void use(OwnFront& front) { front_ = &front; }

  // --- from fronts; kThisNode: this node's own ---
  // A client of this node, its CONNECT whole.
  void open_here(ShardId shard, const RelayOpen& open, ByteView connect);
  void receive(PeerId from, ShardId shard, const RelayOpen& frame);
  void receive(PeerId from, ShardId shard, const RelayData& frame);
  void receive(PeerId from, ShardId shard, const RelayCredit& frame);
  void receive(PeerId from, ShardId shard, const RelayClose& frame);
  void receive(PeerId from, ShardId shard, const RelayClosed& frame);
  void receive(PeerId from, ShardId shard, const RelayClaims& frame);
  void receive(PeerId from, ShardId shard, const RelayLeft& frame);
  void peer_up(PeerId peer, std::uint64_t incarnation);
  void peer_down(PeerId peer);
  void peer_gone(PeerId peer, std::uint64_t incarnation);
  // Led elsewhere from now on, or by nobody, or here anew.
  void leader_changed(ShardId shard);

  const RelayLeaderCounters& counters() const { return counters_; }
  RelayLeaderCounters& counters() { return counters_; }
  std::size_t links() const { return links_.size(); }
  std::size_t claims() const;
  const Claim* claim_of(std::string_view client_id) const;  // null: none

  // --- for RelayLink ---
  Gates& gates() { return gates_; }
  core::Core& core() { return gates_.core(); }
  bool is_up(PeerId peer) const { return post_.is_up(peer); }
  bool is_lane_full(PeerId peer) const { return post_.is_congested(peer); }
  std::string& out(PeerId peer) { return post_.out(peer); }
  template <typename T>
  void say(PeerId peer, ShardId shard, const T& frame) {
    add_relay_frame(shard, frame, post_.out(peer));
  }
  void call_later(const RelayLink& link);

 private:
  static constexpr SteadyMs kLaterMs = 16;
  static constexpr SteadyMs kClosedWithinMs = 3000;  // what an older connection's front may take

  // A CONNECT.
  struct Opening {
    RelayKey key;
    std::uint64_t session = 0;  // with the front; 0: this node's
    ShardId shard;
    RelayOpen facts;
    std::vector<std::uint8_t> connect;
  };
  // CONNECTs of one client id; the first one is being dealt with.
  struct Turn final : core::Timer {
    Turn(RelayLeader& of, ShardId its_shard, std::string id)
        : leader(of), shard(its_shard), client_id(std::move(id)) {}
    void on_timer() override { leader.gave_up(*this); }

    RelayLeader& leader;
    const ShardId shard;
    const std::string client_id;
    std::deque<Opening> openings;
    std::optional<RelayKey> waits_for;  // an older connection that is being closed
    bool is_recording = false;          // the first one's record is not committed yet
  };
  using Turns = std::unordered_map<std::string_view, std::unique_ptr<Turn>>;
  // A shard that is led here, in that epoch.
  struct Led {
    std::uint64_t epoch = 0;
    Claims claims;
    Turns turns;
    std::unordered_map<std::string_view, RelayLink*> links;  // by client id, until it is closed
    // Fronts that may have clean sessions of it and have not said so yet: until then no will of one
    // that is claimed by nobody is published. REPLICATION "Session ownership"
    routing::PeerSet awaited = 0;
  };

  void on_turn_end() override;
  void on_timer() override;

  session::SessionTable& sessions() { return gates_.sessions(); }
  Led* led(ShardId shard);
  void end(ShardId shard, Led& led);
  template <typename T>
  void answer(PeerId to, ShardId shard, const T& frame) {
    if (to == kThisNode) {
      front_->receive(kThisNode, shard, frame);
    } else {
      say(to, shard, frame);
    }
  }

  void enqueue(Led& led, Opening opening);
  void next(Led& led, Turn& turn);
  bool end_older(Led& led, Turn& turn);
  bool close_claim(Led& led, Turn& turn);
  void decide(Led& led, Turn& turn);
  void run_here(Led& led, Turn& turn, const mqtt::Connect& connect);
  void grant(Led& led, Turn& turn, const mqtt::Connect& connect);
  void recorded(ShardId shard, std::uint64_t epoch, const std::string& client_id);
  void gave_up(Turn& turn);
  void is_closed(const RelayKey& key);
  void resume(Turn& turn);
  bool is_current(const RelayClaims::Entry& entry) const;
  void claim(ShardId shard, Led& led, PeerId from, const RelayClaims::Entry& entry);
  void close_losers(ShardId shard, const std::vector<Claims::Named>& losers);
  void went(ShardId shard, const std::vector<Claims::Named>& gone);
  void went(ShardId shard, const RelayLeft& left, core::Task then);
  void heard_of(ShardId shard, Led& led, PeerId front);
  std::uint64_t incarnation_of(PeerId front) const;
  void drop_link(const RelayKey& key, std::string_view why);
  bool is_there(const Opening& opening) const;
  bool is_certain(ShardId shard) const;
  void refuse(Turn& turn);
  void retire(Led& led, Turn& turn);

  Gates& gates_;
  PeerPost& post_;
  const cluster::ShardHosts& hosts_;
  const Clock& clock_;  // not the turn's time: a process may have been stopped for long
  OwnFront* front_ = nullptr;
  RelayLeaderCounters counters_;
  std::unordered_map<RelayKey, std::unique_ptr<RelayLink>, RelayKeyHash> links_;
  std::unordered_map<RelayKey, Opening, RelayKeyHash> arriving_;  // CONNECT isn't whole yet
  std::unordered_map<RelayKey, Turn*, RelayKeyHash> waits_;
  std::unordered_map<std::uint16_t, Led> led_;  // by shard
  std::map<PeerId, std::uint64_t> fronts_;      // processes that are not over: incarnation
  std::vector<std::unique_ptr<RelayLink>> graveyard_;
  std::vector<std::unique_ptr<Turn>> turn_graveyard_;
  std::vector<RelayKey> later_;
};

}  // namespace roost::gates
