// SPDX-License-Identifier: Apache-2.0
// One node of a cluster: its place among the others (lease, name, peers), the controller, reports
// to it, commands, and what of all that concerns the replicas of each core (core_hosts.h).
// Thread: any thread, except where said. A thread of its own does all that isn't a core's; events
// of the network and the coordinator are handed on to it and to the cores.
// Owner: the server. Order: made; each core calls hosts(core).start() on itself; start(); stop();
// the cores end; destroyed. Coordinator, store, events, log and clock outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "cluster/cluster.h"
#include "cluster/cluster_settings.h"
#include "cluster/cluster_view.h"
#include "cluster/controller.h"
#include "cluster/core_hosts.h"
#include "cluster/log_progress.h"
#include "cluster/peer_messages.h"
#include "cluster/questions.h"
#include "cluster/registration.h"
#include "cluster/task_thread.h"

namespace roost::cluster {

class ClusterNode final : public Cluster, private PeerEvents, private Watcher, private CoreNode {
 public:
  // Called once, on the node's own thread, when this process's incarnation is known.
  using NetworkFactory =
      std::function<std::unique_ptr<PeerNetwork>(const PeerIdentity& self, PeerEvents& events)>;

  // `cores`: posts to each core, from any thread, without waiting; what is posted to one that has
  // ended is dropped.
  ClusterNode(ClusterSettings settings, Coordinator& coordinator, storage::ReplicaStore& store,
              std::vector<CoreHosts::Post> cores, NetworkFactory network, ClusterEvents& events,
              Log& log, const Clock& clock);
  ~ClusterNode() override;

  CoreHosts& hosts(std::size_t core) { return *cores_[core].hosts; }
  std::uint64_t appends_skipped() const;  // of all cores
  Lag lag() const;                        // the most of all cores
  void start();
  // Gives the lease back and closes the links. Nothing is told any more when it returns.
  void stop();

  // Cluster
  std::uint64_t incarnation() const override { return incarnation_; }
  std::uint32_t feature_level() const override { return feature_level_; }
  bool send(PeerId to, std::uint64_t session, std::string chunk) override;
  std::size_t waiting_bytes(PeerId to) const override;
  void ask(const std::string& node, std::string question, std::int64_t timeout_ms,
           Answered done) override;
  void on_question(Asked asked) override {
    post_([this, asked = std::move(asked)] { asked_ = asked; });
  }
  ClusterStatus status() const override;
  Result<void> remove_node(const std::string& name, bool undo) override;
  Result<void> move_leaders(const std::string& from) override;
  Result<void> force_leader(ShardId shard, const std::string& to) override;
  void drain() override;
  bool is_drained() const override { return is_drained_; }

 private:
  struct Core {
    CoreHosts::Post post;
    std::unique_ptr<CoreHosts> hosts;
    std::vector<ShardStatus> shards;  // as reported last
  };
  struct Command;
  using CommandPtr = std::shared_ptr<Command>;
  struct Emptied {
    std::uint64_t incarnation = 0;
    SteadyMs until_ms = 0;
  };
  struct Alarm {
    std::string text;
    SteadyMs at_ms = 0;
  };

  // PeerEvents
  void on_peer_up(PeerId peer, std::uint64_t session, const PeerIdentity& identity) override;
  void on_peer_down(PeerId peer, std::uint64_t session) override;
  void on_peer_seen(PeerId peer, PeerView::Seen seen) override;
  void on_chunks(PeerId from, std::uint64_t session, Lane lane, Chunks chunks) override;
  void on_replication_chunks(PeerId from, std::uint64_t session, Chunks chunks);
  void on_bulk_chunk(PeerId from, std::uint64_t session, Chunk chunk);

  // Watcher
  void on_reset(const Listing& all) override;
  void on_change(const std::vector<Event>& events, Revision revision) override;

  // CoreNode
  bool send(PeerId to, std::uint64_t session, Lane lane, std::string chunk) override;
  std::size_t waiting_bytes(PeerId to, Lane lane) const override;
  void transact(Txn txn, Coordinator::TxnDone done) override;
  void read_record(ShardId shard, RecordRead done) override;
  void run_aside(std::function<void()> job) override { aside_.post(std::move(job)); }
  void raise(ShardId shard, std::string_view text) override;
  void fail(ShardId shard, std::string_view why) override;
  void report(std::size_t core, std::vector<ShardStatus> shards, bool is_urgent) override;

  // --- the rest on the own thread ---
  void tick();
  void begin(SteadyMs now);
  void on_lease(LeaseId lease);
  void after_news();
  void tell_replicas(PeerId gone, std::uint64_t incarnation);
  void show_record(ShardId shard);
  void find_refusal();
  void turn_controller();
  void raise_feature_level();
  void tell_joined();
  void look_at_space();
  void say_trouble();
  void raise_here(ShardId shard, const std::string& text);
  void on_message(PeerId from, std::uint64_t session, const Chunk& chunk);
  void send_report();
  void on_report(NodeReport report, SteadyMs now);
  std::uint32_t behind(SteadyMs now);  // ClusterStatus
  void note_status();

  // --- commands ---
  Result<void> run(PeerCommand what);
  void tick_commands();
  void try_command(const CommandPtr& command);
  Result<void> execute(const PeerCommand& what);
  void on_command(PeerId from, std::uint64_t session, const PeerCommand& what);
  void on_answer(const PeerAnswer& answer);
  void on_talk(PeerId from, std::uint64_t session, PeerTalk talk);
  void settle(const CommandPtr& command, Result<void> result);
  void give_up(const CommandPtr& command);

  const ClusterSettings settings_;
  const Keys keys_;
  Coordinator& coordinator_;
  storage::ReplicaStore& store_;
  const NetworkFactory make_network_;
  ClusterEvents& events_;
  Log& log_;
  const Clock& clock_;
  std::vector<Core> cores_;  // `shards`: the own thread's
  TaskThread aside_;
  TaskThread thread_;
  const std::function<void(TaskThread::Task)> post_;

  // --- of the own thread ---
  ClusterView view_;
  Registration registration_;
  LogProgress log_progress_;
  std::optional<Controller> controller_;  // from when the incarnation is known
  LeaseId lease_ = kNoLease;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<PeerNetwork> network_;
  std::vector<PeerAddress> addresses_;  // that the network knows
  std::string controller_name_;
  SteadyMs heard_ms_ = 0, reported_ms_ = 0, status_ms_ = 0;
  bool is_status_old_ = true;
  bool is_report_urgent_ = false, is_draining_ = false, was_joined_ = false;
  bool has_caught_up_ = false;
  SteadyMs joined_ms_ = 0;
  bool is_raising_level_ = false;
  bool is_full_ = false;  // the disk, nearly
  std::string trouble_;
  SteadyMs trouble_ms_ = 0;  // since when
  bool is_trouble_said_ = false;
  std::map<std::string, Emptied> emptied_;
  std::vector<Alarm> alarms_;
  std::vector<CommandPtr> commands_;
  std::uint64_t last_command_ = 0;
  Questions questions_;
  Asked asked_;  // null: nobody answers

  // --- of any thread ---
  mutable std::shared_mutex sending_mutex_;
  PeerNetwork* sending_ = nullptr;  // network_, while it may be used; guarded by sending_mutex_
  std::atomic<std::uint64_t> incarnation_{0};
  std::atomic<std::uint32_t> feature_level_{0};
  std::atomic<bool> is_drained_{false};
  mutable std::mutex status_mutex_;
  ClusterStatus status_;  // guarded by status_mutex_
};

}  // namespace roost::cluster
