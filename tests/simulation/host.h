// SPDX-License-Identifier: Apache-2.0
// One process of a node: a replica of each of its shards and a controller, and between them and the
// disk, the network and the coordinator what cluster_node does in the product. It dies at any
// output, when told to.
// Thread: one at a time.
// Owner: the Node.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/process.h"
#include "tests/simulation/random.h"
#include "tests/simulation/registration.h"
#include "tests/simulation/world.h"

namespace roost::simulation {

// A machine's steady clock: its own zero and its own pace.
struct NodeClock {
  std::int64_t zero_ms = 0;
  std::int64_t pace_ppm = 1'000'000;
  SteadyMs at(std::int64_t now_us) const { return zero_ms + now_us / 1000 * pace_ppm / 1'000'000; }
};

class Host final : public cluster::Watcher {
 public:
  Host(World& world, NodeIndex index, std::string name, std::uint64_t incarnation, Disk& disk,
       NodeClock clock, Random random);
  ~Host();

  // --- what arrives ---
  void receive(MemberId from, MemberId to, ShardId shard, const replication::Message& message);
  void receive_report(const cluster::NodeReport& report);
  bool receive_part(MemberId to, ShardId shard, const ImportPart& part);
  void append(ShardId shard, std::uint64_t content, std::uint64_t request);
  void read(ShardId shard, std::uint64_t request);
  void tick();

  // --- faults ---
  void die_after(std::uint64_t outputs) { outputs_left_ = outputs; }
  void die(std::string_view why);
  void pause();
  void go_on();
  void resign_all();
  void drain() { is_draining_ = reports_soon_ = true; }

  // --- what is seen from outside ---
  const std::shared_ptr<Process>& process() const { return process_; }
  std::uint64_t incarnation() const { return incarnation_; }
  const replication::ShardReplica* replica(ShardId shard) const;
  bool leads(ShardId shard) const;
  LogIndex applied(ShardId shard) const;
  // Whose record a replica is asking the coordinator to change, while that request is being sent.
  std::optional<ShardId> asking() const { return asking_; }
  cluster::Controller& controller() { return controller_; }
  const std::string& who() const { return who_; }
  void turn_controller();

  // The watch.
  void on_reset(const cluster::Listing& all) override;
  void on_change(const std::vector<Event>& events, cluster::Revision revision) override;

 private:
  struct PendingAppend {
    replication::Position position;
    std::uint64_t content;
    std::uint64_t request;
  };
  struct PendingRead {
    SteadyMs since_ms;
    LogIndex acknowledged_before;
    std::uint64_t request;
  };
  struct Hosted {
    std::unique_ptr<replication::ShardReplica> replica;
    LogIndex applied = 0;
    LogIndex commit = 0;
    replication::Role role = replication::Role::follower;
    std::uint64_t importing = 0;                    // the import that is being received
    std::optional<replication::Imported> imported;  // being written
    std::deque<PendingAppend> appends;
    std::deque<PendingRead> reads;
  };

  SteadyMs now_ms() const { return clock_.at(world_.queue.now_us()); }
  cluster::Replica self() const { return {name_, disk_.uuid()}; }
  void show(const cluster::KeyValue& key);
  Hosted* hosted(ShardId shard);
  void open_disk();
  void finish_import(ShardId shard, std::uint64_t import);
  void host(ShardId shard);
  template <typename Input>
  void input(ShardId shard, Input&& give);

  void turn(ShardId shard, Hosted& hosted);
  bool counts_output();  // false: the process has just died
  void perform(ShardId shard, Hosted& hosted, replication::Output& output);
  void perform_log(ShardId shard, Hosted& hosted, replication::LogOp& op);
  void perform_rest(ShardId shard, Hosted& hosted, replication::Output& output);
  static std::string one_line(std::string text);
  void count_outcome(const cluster::TxnResult& result);
  void start_controller_txn(replication::TxnRequest& request);
  void start_txn(ShardId shard, replication::TxnRequest& request);
  void read_record(ShardId shard, std::uint64_t id);
  void read_log(ShardId shard, const replication::LogRead& read);
  void start_snapshot(ShardId shard, const replication::SnapshotRequest& request);
  void send_next_part(ShardId shard, replication::SnapshotRequest request,
                      std::shared_ptr<const ImportWrite> content, std::uint64_t parts_left);

  void observe(ShardId shard, Hosted& hosted);
  void apply(ShardId shard, Hosted& hosted);
  void answer_appends(ShardId shard, Hosted& hosted);
  void answer_reads(ShardId shard, Hosted& hosted);
  void keep_state(ShardId shard, Hosted& hosted);
  void send_report();

  World& world_;
  NodeIndex index_;
  std::string name_;
  std::uint64_t incarnation_;
  std::string who_;  // "n1.3"
  Disk& disk_;
  NodeClock clock_;
  Random random_;
  std::shared_ptr<Process> process_ = std::make_shared<Process>();
  std::optional<std::uint64_t> outputs_left_;
  std::optional<ShardId> asking_;
  std::map<ShardId, Hosted> shards_;
  cluster::Controller controller_;
  std::unique_ptr<cluster::MemoryConnection> connection_;
  Registration registration_;
  std::unique_ptr<cluster::Watch> watch_;
  replication::Output output_;
  cluster::ControllerOutput controller_output_;
  std::int64_t reported_us_ = 0;
  bool reports_soon_ = false;
  bool is_draining_ = false;
};

template <typename Input>
void Host::input(ShardId shard, Input&& give) {
  Hosted* at = hosted(shard);
  if (at == nullptr || process_->is_dead) {
    return;
  }
  give(*at);
  turn(shard, *at);
}

}  // namespace roost::simulation
