// SPDX-License-Identifier: Apache-2.0
// One shard on three nodes with real stores, on one thread: each store's answers, the messages and
// the coordinator's are delivered in turns. Time is the machine's, so tests wait for conditions.
// Thread: the test's.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cluster/replica_host.h"
#include "tests/support/flipped_bit.h"
#include "tests/support/vector_log.h"

namespace roost::cluster {

inline constexpr ShardId kTrioShard{5};

class DiskTrio {
 public:
  class Node final : public ReplicaNode {
   public:
    Node(DiskTrio& trio, std::string name);
    ~Node();

    void start();
    void stop();  // as a crash does, but for what the store was given
    void lose_disk();
    // Flips a bit where `text` stands on its disk. Requires: doesn't run.
    bool damage(const std::string& text) { return support::flip_bit(path_, text); }
    bool is_running() const { return host != nullptr; }
    Replica who() const { return {name, uuid}; }
    void turn();
    bool write(const std::string& text);  // false: doesn't lead
    // Writes state for all that was applied, makes it durable and trims the log.
    void checkpoint();
    std::map<std::string, std::string> state() const;

    // ReplicaNode
    void append(ShardId, storage::LogBatch batch, Appended done) override {
      store->append(std::move(batch), true,
                    [post = poster(), done = std::move(done)](const Result<void>& result) {
                      post([done, result] { done(result); });
                    });
    }
    void send_appends() override {}
    void send(ShardId shard, replication::MemberId to, replication::Message message) override;
    void transact(ShardId shard, std::uint64_t id, Txn txn) override;
    void read_record(ShardId shard, std::uint64_t id) override;
    void send_snapshot(ShardId shard, replication::MemberId to, std::uint64_t import) override;
    void apply(ShardId shard, const replication::LogRecord& record) override;
    void replaced(ShardId shard) override;
    void raise(ShardId shard, const replication::RaisedAlarm& alarm) override;
    void failed(ShardId, const Error& why) override { alarms.push_back(why.message); }
    void status_changed(ShardId) override {}

    const std::string name;
    std::string uuid;
    std::unique_ptr<storage::ReplicaStore> store;
    std::unique_ptr<ReplicaHost> host;
    std::vector<std::string> applied;  // texts, since the start or the last import
    replication::LogIndex applied_to = 0;
    std::vector<std::string> alarms;
    int imports = 0;
    bool is_cut_off = false;

   private:
    struct Posted {
      std::mutex mutex;
      std::deque<std::function<void()>> jobs;  // guarded by mutex
    };
    ReplicaHost::Post poster();
    void receive(std::uint64_t import, Node& from, std::shared_ptr<SnapshotSender> sender);

    DiskTrio& trio_;
    const std::string path_;
    support::VectorLog log_;
    std::shared_ptr<Posted> posted_;
    std::unique_ptr<SnapshotReceiver> receiver_;
    std::function<void()> break_stream_;  // of the import under way: its sender hears of it
  };

  explicit DiskTrio(replication::Settings settings = {});
  ~DiskTrio();

  Node& node(std::size_t index) { return *nodes_[index]; }
  // The next epoch; the first one begins the shard with all three in sync.
  void elect(std::size_t leader, const std::vector<std::size_t>& isr);
  // False: not within 20 s.
  bool run_until(const std::function<bool()>& is_so);
  const ShardRecord& record() const { return record_; }
  SteadyMs now() const { return clock_.steady_ms(); }

 private:
  struct Flying {
    replication::MemberId from, to;
    replication::Message message;
  };

  Node* by_id(replication::MemberId id);
  void show();
  TxnResult execute(const Txn& txn);

  const replication::Settings settings_;
  const std::string folder_;
  const Keys keys_{"trio"};
  SystemClock clock_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::deque<Flying> flying_;
  ShardRecord record_;
  Revision revision_ = 0;
};

}  // namespace roost::cluster
