// SPDX-License-Identifier: Apache-2.0
// Several nodes of one cluster in one thread: gates, sessions, post and relay of two cores each,
// driven by hand, and their publishes to each other, where a test wants those. Chunks between nodes
// are held until the stage brings them; who leads is the test's choice; what a leader commits is
// applied by every node. No sleeps: time is the test's.
// Thread: the test's.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/gates/peer_gate.h"
#include "broker/gates/relay.h"
#include "broker/gates/session_shards.h"
#include "tests/gates/stage.h"

namespace roost::gates {

class RelayStage;

// What a node sees of its cluster.
class StageCluster final : public cluster::Cluster {
 public:
  StageCluster(RelayStage& stage, std::size_t node) : stage_(stage), node_(node) {}
  std::uint64_t incarnation() const override;
  std::uint32_t feature_level() const override { return 1; }
  bool send(PeerId to, std::uint64_t session, std::string chunk) override;
  std::size_t waiting_bytes(PeerId to) const override;
  void ask(const std::string&, std::string, std::int64_t, Answered done) override {
    done(error(ErrorKind::unavailable, "nobody is asked here"));
  }
  void on_question(Asked) override {}
  cluster::ClusterStatus status() const override;
  Result<void> remove_node(const std::string&, bool) override { return {}; }
  Result<void> move_leaders(const std::string&) override { return {}; }
  Result<void> force_leader(ShardId, const std::string&) override { return {}; }
  void drain() override {}
  bool is_drained() const override { return false; }

 private:
  RelayStage& stage_;
  const std::size_t node_;
};

class StageLeaders final : public LeaderView {
 public:
  PeerId leader_of(ShardId shard) const override { return leaders_[shard.value]; }
  std::uint64_t epoch_of(ShardId shard) const override { return epochs_[shard.value]; }
  void tell(LeaderEvents& events) override { events_ = &events; }
  void set(ShardId shard, PeerId leader, std::uint64_t epoch);

 private:
  std::array<PeerId, kShardCountDefault> leaders_ = filled(kNoPeer);
  std::array<std::uint64_t, kShardCountDefault> epochs_{};
  LeaderEvents* events_ = nullptr;
  static std::array<PeerId, kShardCountDefault> filled(PeerId peer) {
    std::array<PeerId, kShardCountDefault> all;
    all.fill(peer);
    return all;
  }
};

// The log of a core's shards: commits at the end of a turn, here and at all other nodes.
class StageLog final : public session::ShardLog, private core::TurnEnd {
 public:
  StageLog(RelayStage& stage, std::size_t node, std::uint16_t core)
      : stage_(stage), node_(node), core_(core) {}
  void append(ShardId shard, session::Record record, session::Door* door) override;
  std::uint64_t epoch(ShardId shard) const override;
  std::uint64_t lineage(ShardId) const override { return 1; }
  bool is_congested() const override { return congested_; }
  bool is_full() const override { return false; }
  // Nothing is committed any more until it is let go.
  void hold() { held_ = true; }
  void let_go();
  void set_congested(bool congested) { congested_ = congested; }
  void follow(ShardId shard);

 private:
  struct Appended {
    ShardId shard;
    session::Record record;
    session::Door* door;
  };
  void on_turn_end() override;
  void commit_all();

  RelayStage& stage_;
  const std::size_t node_;
  const std::uint16_t core_;
  std::deque<Appended> waiting_;
  bool held_ = false;
  bool congested_ = false;
};

// Of a core's replicas only when their epochs were confirmed.
class StageHosts final : public cluster::ShardHosts {
 public:
  explicit StageHosts(const Clock& clock) : clock_(clock) {}
  // From now on no ISR is heard of.
  void cut_off() { confirmed_ms_ = clock_.steady_ms(); }
  void reach() { confirmed_ms_.reset(); }

  void tick(SteadyMs) override {}
  void turn(SteadyMs) override {}
  bool leads(ShardId) const override { return true; }
  bool can_propose(ShardId) const override { return true; }
  cluster::replication::Position propose(ShardId, SharedPtr<SharedBlock>, ByteView) override {
    return {};
  }
  void write_state(ShardId, cluster::replication::LogIndex, cluster::replication::LogIndex,
                   storage::StateBatch, storage::Store::Done) override {}
  std::optional<SteadyMs> confirmed_ms(ShardId) const override {
    return confirmed_ms_ ? confirmed_ms_ : clock_.steady_ms();
  }
  std::uint64_t lineage(ShardId) const override { return 1; }
  cluster::replication::LogIndex loaded(ShardId) const override { return 0; }
  void replay(ShardId, const Replay&) const override {}
  void before_flush() override {}
  void after_flush(bool) override {}
  void resign(ShardId) override {}

 private:
  const Clock& clock_;
  std::optional<SteadyMs> confirmed_ms_;
};

// Every QoS 1 and 2 publish goes to all shards and nodes.
class NothingIsCertain final : public Certainty {
 public:
  routing::ShardSet uncertain_shards() const override { return UINT64_MAX; }
  routing::PeerSet uncertain_nodes() const override { return UINT64_MAX; }
};

struct StageSettings {
  RelaySettings relay;
  bool publishes = false;  // between nodes
};

class RelayStage {
 public:
  static constexpr std::uint16_t kCores = 2;

  struct Node {
    Node(RelayStage& stage, std::size_t number);
    ~Node();

    std::uint64_t incarnation = 1;
    support::VectorLog log;
    observe::RateBoundLog connection_log{log, "connection", 0};
    core::Cores cores;
    FakeAuthenticator authenticator;
    auth::NoEnhancedAuthenticator enhanced;
    routing::RoutingTable routing;
    session::SessionTables tables;
    GatesCommon common;
    StageCluster cluster;
    PeerInbox inbox;
    std::vector<net::NetCounters> net_counters{kCores};
    support::Remains remains;
    std::vector<std::unique_ptr<session::SessionTable>> sessions;
    std::vector<std::unique_ptr<support::MemoryDisk>> disks;
    std::vector<std::unique_ptr<StageLog>> logs;
    std::vector<std::unique_ptr<Gates>> gates;
    std::vector<std::unique_ptr<PeerPost>> posts;
    std::vector<std::unique_ptr<StageLeaders>> leaders;
    StageHosts hosts;
    std::vector<std::unique_ptr<Relay>> relays;
    NothingIsCertain certainty;
    PeerGates peer_gates;
    std::vector<std::unique_ptr<SessionShards>> shard_sides;
    std::vector<std::unique_ptr<PeerGate>> peers;
    GateListener listener;
  };

  explicit RelayStage(std::size_t count, const RelaySettings& relay = {})
      : RelayStage(count, StageSettings{relay, false}) {}
  RelayStage(std::size_t count, const StageSettings& its_settings);
  ~RelayStage();

  Node& at(std::size_t node) { return *nodes[node]; }
  // As node `of` numbers node `whom`.
  PeerId peer(std::size_t of, std::size_t whom) const {
    return PeerId{static_cast<std::uint16_t>((whom + nodes.size() - of) % nodes.size())};
  }
  void lead(ShardId shard, std::size_t node);  // a new epoch; all nodes hear of it
  void lead_all(std::size_t node);
  // The leader goes on as one, and says so to nobody: a deposed one, split off.
  void lead_unheard(ShardId shard, std::size_t node);
  void forget_leader(ShardId shard);        // nobody is known to lead it
  void link(std::size_t a, std::size_t b);  // their session begins
  void cut(std::size_t a, std::size_t b);   // and ends; what is on its way is lost
  void kill(std::size_t node);              // as its peers see it: down, then gone

  void open(support::RawClient& client, std::size_t node);
  // CONNECT and whatever else in one go; then it settles.
  void send(support::RawClient& client, const std::vector<mqtt::Packet>& packets,
            mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v5);
  std::vector<std::string> come(support::RawClient& client, std::size_t node,
                                const mqtt::Connect& connect);
  // Turns and chunks until nothing happens any more.
  void settle();
  void advance_ms(std::int64_t ms);
  // Chunks from one node to another stay where they are.
  void hold(std::size_t from, std::size_t to) { held.insert({from, to}); }
  void let_go(std::size_t from, std::size_t to) { held.erase({from, to}); }

  core::Core& core(std::size_t node, ShardId shard) { return at(node).cores.of(shard); }
  void in_turn(std::size_t node, ShardId shard, core::Task task) {
    core(node, shard).post(std::move(task));
    settle();
  }
  session::SessionTable& sessions(std::size_t node, ShardId shard) {
    return *at(node).sessions[shard.value % kCores];
  }
  Relay& relay(std::size_t node, ShardId shard) { return *at(node).relays[shard.value % kCores]; }
  static ShardId shard_of(std::string_view client_id) {
    return roost::shard_of(client_id, kShardCountDefault);
  }

  struct Link {
    std::uint64_t session = 0;  // 0: none
    std::deque<std::pair<std::uint64_t, std::string>> chunks;
    std::size_t bytes = 0;  // waiting
    std::size_t bytes_most = 0;
    std::uint64_t bytes_all = 0;
  };

  const StageSettings settings;
  ManualClock clock;
  std::vector<std::unique_ptr<Node>> nodes;
  std::map<std::pair<std::size_t, std::size_t>, Link> links;  // from, to
  std::set<std::pair<std::size_t, std::size_t>> held;
  std::map<std::uint16_t, std::uint64_t> epochs;    // by shard
  std::map<std::uint16_t, session::LogIndex> last;  // by shard
  std::map<std::uint16_t, std::size_t> leads;       // by shard: node
  std::size_t congested_at = SIZE_MAX;              // bytes that a lane takes gladly
  std::set<std::size_t> dead;
  std::set<std::size_t> without_coordinator;

 private:
  bool deliver();
  void tell_leader(ShardId shard, std::size_t node, bool known);
  void tell(std::size_t node, ShardId shard, PeerId leader);
  std::uint64_t last_session_ = 0;
};

}  // namespace roost::gates
