// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/live_cluster.h"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <utility>

#include "broker/base/check.h"

namespace roost::cluster {

using support::eventually;

namespace {

constexpr std::int64_t kTickMs = 10;

std::string make_folder() {
  char name[] = "/tmp/roost-live-XXXXXX";
  return ::mkdtemp(name);
}

std::string state_key(replication::LogIndex index) {
  std::string digits = std::to_string(index);
  return "text/" + std::string(20 - digits.size(), '0') + digits;
}

}  // namespace

// --- a core ---

CoreHosts::Post LiveCluster::Core::poster() {
  return [queue = queue_](std::function<void()> job) {
    const std::lock_guard lock(queue->mutex);
    if (queue->is_over) return;
    queue->jobs.push_back(std::move(job));
    queue->changed.notify_one();
  };
}

void LiveCluster::Core::start(CoreHosts& of_core) {
  hosts = &of_core;
  thread_ = std::thread([this] { loop(); });
  run([this] { hosts->start(*this); });
}

void LiveCluster::Core::stop() {
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->is_over = true;
    queue_->changed.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  queue_->jobs.clear();
}

void LiveCluster::Core::run(const std::function<void()>& what) {
  std::promise<void> done;
  poster()([&] {
    what();
    done.set_value();
  });
  done.get_future().wait();
}

void LiveCluster::Core::loop() {
  const SystemClock clock;
  SteadyMs next_ms = 0;
  for (;;) {
    std::deque<std::function<void()>> jobs;
    {
      std::unique_lock lock(queue_->mutex);
      const auto has_work = [&] { return queue_->is_over || !queue_->jobs.empty(); };
      queue_->changed.wait_for(lock, std::chrono::milliseconds(kTickMs), has_work);
      if (queue_->is_over) return;
      jobs.swap(queue_->jobs);
    }
    for (auto& job : jobs) {
      job();
      job = nullptr;
    }
    const SteadyMs now = clock.steady_ms();
    hosts->turn(now);
    if (now < next_ms) continue;
    next_ms = now + kTickMs;
    hosts->tick(now);
  }
}

void LiveCluster::Core::load(ShardId shard) {
  Shard& at = shards[shard.value];
  at = Shard{{}, {}, 0, false, at.replaced, {}};
  const auto read = process_.store().view()->scan(
      shard, "text/", "text0", [&](std::string_view key, ByteView value) {
        at.texts[std::stoull(std::string(key.substr(5)))] = as_text(value);
        return true;
      });
  CHECK(read.has_value());
  at.applied = hosts->loaded(shard);
  CHECK(at.texts.empty() || at.texts.rbegin()->first <= at.applied);
}

void LiveCluster::Core::on_hosted(ShardId shard) {
  CHECK(shard.value % kCores == index_ && shards.count(shard.value) == 0);
  load(shard);
}

void LiveCluster::Core::on_committed(ShardId shard, const replication::LogRecord& record) {
  Shard& at = shards.at(shard.value);
  CHECK(record.position.index > at.applied);
  at.applied = record.position.index;
  at.texts[at.applied] = at.unwritten[at.applied].emplace(as_text(record.bytes));
  const auto proposed = at.proposed.find(record.position);
  if (proposed == at.proposed.end()) return;
  proposed->second->store(1);
  at.proposed.erase(proposed);
}

void LiveCluster::Core::on_replaced(ShardId shard) {
  CHECK(!shards.at(shard.value).leads);
  ++shards.at(shard.value).replaced;
  load(shard);
}

void LiveCluster::Core::on_leading(ShardId shard, replication::Epoch epoch) {
  CHECK(epoch > 0 && !std::exchange(shards.at(shard.value).leads, true));
}

void LiveCluster::Core::on_following(ShardId shard) {
  Shard& at = shards.at(shard.value);
  CHECK(std::exchange(at.leads, false));
  for (const auto& [position, result] : std::exchange(at.proposed, {})) result->store(-1);
}

void LiveCluster::Core::on_dropped(ShardId shard) {
  CHECK(!shards.at(shard.value).leads);
  shards.erase(shard.value);
}

void LiveCluster::Core::checkpoint() {
  for (auto& [id, at] : shards) {
    storage::StateBatch batch;
    for (const auto& [index, text] : std::exchange(at.unwritten, {})) {
      batch.put(state_key(index), as_bytes(*text));
    }
    if (batch.empty()) continue;
    hosts->write_state(ShardId{id}, at.applied, at.applied + 1, std::move(batch),
                       [](const Result<void>&) {});
  }
}

// --- the cluster ---

LiveCluster::LiveCluster(Disks disks, std::uint16_t shards)
    : network(std::chrono::milliseconds(100)),
      disks_(disks),
      shard_count_(shards),
      folder_(make_folder()),
      committed_(shards) {}

LiveCluster::~LiveCluster() {
  processes_.clear();
  std::filesystem::remove_all(folder_);
}

ClusterSettings LiveCluster::settings(const std::string& node) const {
  ClusterSettings settings;
  settings.cluster = "test";
  settings.node = node;
  settings.address = node + ":1885";
  settings.version = "1";
  settings.lease_ms = 1000;
  settings.tick_ms = 10;
  settings.report_ms = 100;
  settings.level_ms = 200;
  settings.drop_ms = 1000;
  settings.controller.shard_count = shard_count_;
  settings.controller.settle_ms = 300;
  settings.controller.retry_ms = 100;
  settings.controller.placement_ms = 500;
  settings.controller.leader_moves_max = 8;
  settings.replication.heartbeat_ms = 20;
  settings.replication.idle_heartbeat_ms = 60;
  settings.replication.retry_ms = 50;
  settings.replication.shrink_ms = 600;
  settings.replication.grow_ms = 50;
  settings.replication.tail_records_max = 16;  // what is older comes from the disk
  return settings;
}

std::unique_ptr<LiveCluster::Process> LiveCluster::make(const ClusterSettings& settings,
                                                        const std::string& folder) {
  return std::make_unique<Process>(*this, settings, open_store(folder));
}

std::unique_ptr<storage::ReplicaStore> LiveCluster::open_store(const std::string& folder) {
  if (disks_ == Disks::memory) {
    auto& disk = memory_[folder];
    if (!disk) {
      disk = std::make_shared<MemoryReplicaDisk>();
      disk->uuid = "uuid-" + std::to_string(++last_uuid_);
    }
    return std::make_unique<MemoryStore>(disk);
  }
  storage::StoreOptions options;
  options.path = folder_ + "/" + folder;
  options.reserve_bytes = 0;
  options.write_buffer_bytes = 4 << 20;
  auto opened = storage::ReplicaStore::open(options, log);
  CHECK(opened.has_value());
  return std::move(opened).value();
}

LiveCluster::Process& LiveCluster::start(const ClusterSettings& settings,
                                         const std::string& folder) {
  CHECK(!has(settings.node));
  auto& at = processes_[settings.node];
  at = make(settings, folder.empty() ? settings.node : folder);
  return *at;
}

void LiveCluster::crash(const std::string& name) {
  node(name).end(true);
  processes_.erase(name);
}

void LiveCluster::stop(const std::string& name) {
  node(name).end(false);
  processes_.erase(name);
}

void LiveCluster::lose_disk(const std::string& name) {
  CHECK(!has(name));
  memory_.erase(name);
  std::filesystem::remove_all(folder_ + "/" + name);
}

std::string LiveCluster::leader(std::uint16_t shard) {
  for (const auto& [name, process] : processes_) {
    if (process->leads(shard)) return name;
  }
  return {};
}

bool LiveCluster::serves(std::uint16_t shard) {
  return eventually([&] { return !leader(shard).empty(); });
}

bool LiveCluster::all_serve() {
  for (std::uint16_t shard = 0; shard < shard_count_; ++shard) {
    if (!serves(shard)) return false;
  }
  return true;
}

bool LiveCluster::commit(std::uint16_t shard, const std::string& text) {
  std::shared_ptr<std::atomic<int>> under_way;
  const bool is_done = eventually([&] {
    if (under_way && *under_way == 0) return false;
    if (under_way && *under_way == 1) return true;
    const std::string name = leader(shard);
    under_way = name.empty() ? nullptr : node(name).propose(shard, text);
    return false;
  });
  if (is_done) committed_[shard].push_back(text);
  return is_done;
}

bool LiveCluster::commit_round(const std::string& text) {
  for (std::uint16_t shard = 0; shard < shard_count_; ++shard) {
    if (!commit(shard, text + "/" + std::to_string(shard))) return false;
  }
  return true;
}

bool LiveCluster::all_have_all() {
  const auto has_all = [](const Texts& texts, const Texts& wanted) {
    auto at = texts.begin();
    for (const std::string& text : wanted) {
      at = std::find(at, texts.end(), text);
      if (at == texts.end()) return false;
      ++at;
    }
    return true;
  };
  for (std::uint16_t shard = 0; shard < shard_count_; ++shard) {
    const bool is_so = eventually([&] {
      std::size_t holders = 0;
      for (const auto& [name, process] : processes_) {
        if (!process->holds(shard)) continue;
        ++holders;
        if (!has_all(process->texts(shard), committed_[shard])) return false;
      }
      return holders > 0;
    });
    if (!is_so) return false;
  }
  return true;
}

ShardRecord LiveCluster::record(std::uint16_t shard) {
  const std::string value = coordinator.value(keys.shard(ShardId{shard}));
  auto record = decode_shard_record(value);
  return record ? std::move(record).value() : ShardRecord();
}

bool LiveCluster::all_in_sync(std::size_t replicas) {
  for (std::uint16_t shard = 0; shard < shard_count_; ++shard) {
    const bool is_so = eventually([&] {
      const ShardRecord now = record(shard);
      return now.isr.size() == replicas && now.replicas.size() == replicas && now.adding.empty() &&
             now.removing.empty();
    });
    if (!is_so) return false;
  }
  return true;
}

}  // namespace roost::cluster
