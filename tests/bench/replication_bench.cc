// SPDX-License-Identifier: Apache-2.0
// What replication costs: records of ROOST_BENCH_RECORD bytes (200) to one shard, ROOST_BENCH_OPEN
// (1024) of them proposed and not committed, on one node and on three in one process, each with a
// thread, a real log and fsyncs of its own. `records/s` is what counts: committed by all in sync.
// The folder is ROOST_BENCH_DIR or the current one. Run: replication_bench
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/base/check.h"
#include "broker/base/clock.h"
#include "broker/base/hash.h"
#include "cluster/replica_host.h"
#include "tests/support/vector_log.h"

namespace roost::cluster {
namespace {

constexpr ShardId kShard{1};

std::int64_t number_of(const char* name, std::int64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoll(text);
}

const auto kRecordBytes = static_cast<std::size_t>(number_of("ROOST_BENCH_RECORD", 200));
const auto kOpen = static_cast<std::uint64_t>(number_of("ROOST_BENCH_OPEN", 1024));

std::string noise(std::size_t size) {
  std::string bytes;
  for (std::uint64_t word = 1; bytes.size() < size;
       bytes.push_back(static_cast<char>(word >> 56))) {
    word = mix64(word);
  }
  return bytes;
}

class Cluster;

// A thread with a mailbox: what a core is to its shards.
class Node final : public ReplicaNode {
 public:
  Node(Cluster& cluster, std::string name, const std::string& path);
  ~Node() { store_.reset(); }
  // Before any of them is destroyed: they send to each other.
  void stop() {
    post([this] { is_ending_ = true; });
    thread_.join();
  }

  Replica who() const { return {name_, store_->uuid()}; }
  replication::MemberId id() const { return id_; }
  void start(const ShardRecord& record) {
    post([this, record] { host_->replica().on_record({record, 1}); });
  }
  // From now on proposes as long as fewer than kOpen are open.
  void lead() {
    post([this] { leads_ = true; });
  }
  std::uint64_t committed() const { return committed_.load(std::memory_order_relaxed); }
  std::uint64_t fsyncs() const { return store_->counters().syncs.value(); }

  void post(std::function<void()> job) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex_);
      was_empty = jobs_.empty();
      jobs_.push_back(std::move(job));
    }
    if (was_empty) posted_.notify_one();
  }

  // ReplicaNode
  void append(ShardId, storage::LogBatch batch, Appended done) override {
    store_->append(std::move(batch), true,
                   [this, done = std::move(done)](const Result<void>& result) {
                     post([done, result] { done(result); });
                   });
  }
  void send_appends() override {}
  void send(ShardId, replication::MemberId to, replication::Message message) override;
  void transact(ShardId, std::uint64_t id, Txn) override {
    post([this, id] { host_->replica().on_txn_result(id, {TxnResult::Outcome::failed, 0, {}}); });
  }
  void read_record(ShardId, std::uint64_t id) override {
    post([this, id] { host_->replica().on_record_read(id, nullptr); });
  }
  void send_snapshot(ShardId, replication::MemberId, std::uint64_t) override {}
  void apply(ShardId, const replication::LogRecord& record) override {
    applied_ = record.position.index;
    committed_.fetch_add(1, std::memory_order_relaxed);
  }
  void replaced(ShardId) override {}
  void raise(ShardId, const replication::RaisedAlarm& alarm) override {
    std::fprintf(stderr, "%s: %s\n", name_.c_str(), alarm.text.c_str());
  }
  void status_changed(ShardId) override {}

 private:
  void run();
  void propose();
  void checkpoint_if_due();

  Cluster& cluster_;
  const std::string name_;
  support::VectorLog log_;
  std::unique_ptr<storage::ReplicaStore> store_;
  std::unique_ptr<ReplicaHost> host_;
  replication::MemberId id_;
  SystemClock clock_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::vector<std::function<void()>> jobs_;  // guarded by mutex_
  std::atomic<std::uint64_t> committed_{0};
  std::uint64_t proposed_ = 0;
  storage::LogIndex applied_ = 0;
  bool leads_ = false, is_ending_ = false, is_writing_state_ = false;
  std::thread thread_;
};

class Cluster {
 public:
  explicit Cluster(int nodes) {
    const char* base = std::getenv("ROOST_BENCH_DIR");
    std::string name = std::string(base != nullptr ? base : ".") + "/replication-bench-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    for (int i = 0; i < nodes; ++i) {
      const std::string node(1, static_cast<char>('a' + i));
      nodes_.push_back(std::make_unique<Node>(*this, node, folder_ + "/" + node));
    }
    ShardRecord record;
    record.counter = record.lineage = record.epoch = 1;
    record.min_in_sync = nodes > 1 ? 2 : 1;
    for (const auto& node : nodes_) record.replicas.push_back(node->who());
    record.isr = record.replicas;
    record.leader = record.replicas.front();
    for (const auto& node : nodes_) node->start(record);
    nodes_.front()->lead();
  }
  ~Cluster() {
    for (const auto& node : nodes_) node->stop();
    nodes_.clear();
    std::filesystem::remove_all(folder_);
  }

  Node& leader() { return *nodes_.front(); }
  Node* by_id(replication::MemberId id) {
    for (const auto& node : nodes_) {
      if (node->id() == id) return node.get();
    }
    return nullptr;
  }

 private:
  std::string folder_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

Node::Node(Cluster& cluster, std::string name, const std::string& path)
    : cluster_(cluster), name_(std::move(name)) {
  storage::StoreOptions options;
  options.path = path;
  options.reserve_bytes = 0;
  auto opened = storage::ReplicaStore::open(options, log_);
  CHECK(opened.has_value());
  store_ = std::move(opened).value();
  auto host = ReplicaHost::open(
      kShard, who(), Keys("bench"), replication::Settings(), *store_,
      [this](std::function<void()> job) { post(std::move(job)); }, *this, clock_.steady_ms());
  CHECK(host.has_value());
  host_ = std::move(host).value();
  id_ = host_->replica().self();
  thread_ = std::thread([this] { run(); });
}

void Node::run() {
  std::vector<std::function<void()>> jobs;
  while (!is_ending_) {
    jobs.clear();
    {
      std::unique_lock lock(mutex_);
      posted_.wait_for(lock, std::chrono::milliseconds(20), [this] { return !jobs_.empty(); });
      jobs.swap(jobs_);
    }
    for (const auto& job : jobs) job();
    host_->replica().on_tick(clock_.steady_ms());
    host_->turn(clock_.steady_ms());
    if (leads_) propose();
    checkpoint_if_due();
  }
}

void Node::propose() {
  static const std::string kRecord = noise(kRecordBytes);
  bool any = false;
  while (proposed_ - committed() < kOpen && host_->replica().can_propose()) {
    const auto record = replication::make_record({}, as_bytes(kRecord));
    host_->replica().propose(record.owner, record.bytes);
    ++proposed_;
    any = true;
  }
  if (any) host_->turn(clock_.steady_ms());
}

// As a node does: the log is trimmed before its tables fill up.
void Node::checkpoint_if_due() {
  if (is_writing_state_ || store_->counters().untrimmed_bytes.value() < 24 << 20) return;
  is_writing_state_ = true;
  storage::StateBatch batch;
  batch.put("applied", as_bytes(std::to_string(applied_)));
  host_->write_state(applied_, applied_ + 1, std::move(batch), [this](const Result<void>&) {
    store_->flush_state([this](const Result<void>&) {
      post([this] {
        host_->on_flushed(host_->trim_to());
        is_writing_state_ = false;
      });
    });
  });
}

void Node::send(ShardId, replication::MemberId to, replication::Message message) {
  Node* target = cluster_.by_id(to);
  target->post([target, from = id(), message = std::move(message)] {
    target->host_->replica().on_message(from, message, target->clock_.steady_ms());
  });
}

double cpu_s() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

void replicate(benchmark::State& state) {
  Cluster cluster(static_cast<int>(state.range(0)));
  Node& leader = cluster.leader();
  const auto wait_until = [&](std::uint64_t count) {
    while (leader.committed() < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  wait_until(50'000);  // warm
  const std::uint64_t begin = leader.committed(), fsyncs = leader.fsyncs();
  const double cpu = cpu_s();
  std::uint64_t end = begin;
  for (auto _ : state) {
    end += 100'000;
    wait_until(end);
  }
  const auto count = static_cast<double>(leader.committed() - begin);
  state.counters["records/s"] = benchmark::Counter(count, benchmark::Counter::kIsRate);
  state.counters["cpu_us"] = (cpu_s() - cpu) * 1e6 / count;
  state.counters["batch"] = count / static_cast<double>(leader.fsyncs() - fsyncs);
}

BENCHMARK(replicate)->ArgName("nodes")->Arg(1)->Arg(3)->Iterations(10)->UseRealTime()->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace roost::cluster
