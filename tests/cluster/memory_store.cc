// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/memory_store.h"

#include <utility>

#include "broker/base/check.h"
#include "storage/keys.h"

namespace roost::cluster {

using storage::EpochStart;
using storage::LogIndex;
using storage::Position;

Position MemoryReplica::last() const {
  if (log.empty()) return trimmed;
  return {log.rbegin()->second.epoch, log.rbegin()->first};
}

storage::ReplicaOnDisk MemoryReplica::on_disk() const {
  return {last(), trimmed.index + 1, applied, epochs, meta};
}

namespace {

void trim(MemoryReplica& at) {
  while (!at.log.empty() && at.log.begin()->first <= at.trim_to) {
    at.trimmed = {at.log.begin()->second.epoch, at.log.begin()->first};
    at.log.erase(at.log.begin());
  }
}

void cut_after(MemoryReplica& at, LogIndex last) {
  at.log.erase(at.log.upper_bound(last), at.log.end());
  while (!at.epochs.empty() && at.epochs.back().first > last) at.epochs.pop_back();
}

void put_epochs(MemoryReplica& at, std::string_view value) {
  at.epochs.clear();
  for (; value.size() >= storage::kPositionSize; value.remove_prefix(storage::kPositionSize)) {
    const auto start = storage::parse_position(value.substr(0, storage::kPositionSize));
    at.epochs.push_back({start->epoch, start->index});
  }
}

void change_log(MemoryReplica& at, char kind, std::string_view value) {
  switch (kind) {
    case storage::kMetaKind:
      at.meta = value;
      break;
    case storage::kCutKind:
      cut_after(at, storage::parse_position(value)->index);
      break;
    case storage::kForgetKind:
      cut_after(at, 0);
      at.trimmed = {};
      break;
    case storage::kEpochKind:
      put_epochs(at, value);
      break;
    default: {
      CHECK(kind == storage::kTrimmedKind);
      const auto trimmed = storage::parse_position(value);
      at.trimmed = {trimmed->epoch, trimmed->index};
    }
  }
}

void add_record(MemoryReplica& at, LogIndex index, std::string_view key, std::string_view value) {
  const auto parsed = storage::parse_log_value(key, value);
  CHECK(parsed.has_value());
  at.log[index] = {parsed->epoch, std::string(as_text(parsed->record))};
  if (at.epochs.empty() || at.epochs.back().epoch < parsed->epoch) {
    at.epochs.push_back({parsed->epoch, index});
  }
}

class View final : public storage::StateView {
 public:
  explicit View(std::map<std::uint16_t, MemoryReplica> shards) : shards_(std::move(shards)) {}

  Result<std::optional<std::string>> get(ShardId shard, std::string_view key) const override {
    const auto at = shards_.find(shard.value);
    if (at == shards_.end()) return std::optional<std::string>();
    const auto found = at->second.state.find(std::string(key));
    if (found == at->second.state.end()) return std::optional<std::string>();
    return std::optional(found->second);
  }
  Result<void> scan(ShardId shard, std::string_view from, std::string_view to,
                    const std::function<bool(std::string_view, ByteView)>& visit) const override {
    const auto at = shards_.find(shard.value);
    if (at == shards_.end()) return {};
    const auto& state = at->second.state;
    for (auto one = state.lower_bound(std::string(from)); one != state.end(); ++one) {
      if ((!to.empty() && one->first >= to) || !visit(one->first, as_bytes(one->second))) break;
    }
    return {};
  }

 private:
  const std::map<std::uint16_t, MemoryReplica> shards_;
};

class Copy final : public storage::ShardSnapshot {
 public:
  explicit Copy(MemoryReplica shard) : shard_(std::move(shard)) {}

  Position last() const override { return shard_.last(); }
  LogIndex first_kept() const override { return shard_.trimmed.index + 1; }
  LogIndex applied() const override { return shard_.applied; }
  const std::vector<EpochStart>& epochs() const override { return shard_.epochs; }
  Result<void> scan_state(
      std::string_view from,
      const std::function<bool(std::string_view, ByteView)>& visit) const override {
    const auto& state = shard_.state;
    for (auto one = state.lower_bound(std::string(from)); one != state.end(); ++one) {
      if (!visit(one->first, as_bytes(one->second))) break;
    }
    return {};
  }
  Result<void> scan_log(
      LogIndex from,
      const std::function<bool(std::uint64_t, LogIndex, ByteView)>& visit) const override {
    for (auto one = shard_.log.lower_bound(from); one != shard_.log.end(); ++one) {
      if (!visit(one->second.epoch, one->first, as_bytes(one->second.bytes))) break;
    }
    return {};
  }

 private:
  const MemoryReplica shard_;
};

}  // namespace

void MemoryReplicaDisk::set_hung(bool hangs) {
  const std::lock_guard lock(mutex);
  is_hung = hangs;
  went_on.notify_all();
}

void MemoryReplicaDisk::wait_while_hung() {
  std::unique_lock lock(mutex);
  went_on.wait(lock, [this] { return !is_hung; });
}

MemoryStore::MemoryStore(std::shared_ptr<MemoryReplicaDisk> disk) : disk_(std::move(disk)) {
  const std::lock_guard lock(disk_->mutex);
  for (const auto& [id, shard] : disk_->shards) opened_[id] = shard.on_disk();
  thread_ = std::thread([this] { run(); });
}

// What was submitted is written first.
MemoryStore::~MemoryStore() {
  disk_->set_hung(false);
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void MemoryStore::later(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void MemoryStore::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_over_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    disk_->wait_while_hung();
    job();
    job = nullptr;
    lock.lock();
  }
}

void MemoryStore::change(ShardId shard, std::function<void(MemoryReplica&)> how, Done done) {
  later([this, shard, how = std::move(how), done = std::move(done)] {
    {
      const std::lock_guard lock(disk_->mutex);
      how(disk_->shards[shard.value]);
    }
    done({});
  });
}

Result<void> MemoryStore::replay(ShardId shard, LogIndex after, const RecordVisitor& visit) const {
  const std::lock_guard lock(disk_->mutex);
  const auto at = disk_->shards.find(shard.value);
  if (at == disk_->shards.end()) return {};
  const auto& log = at->second.log;
  for (auto one = log.upper_bound(after); one != log.end(); ++one) {
    visit(one->second.epoch, one->first, as_bytes(one->second.bytes));
  }
  return {};
}

std::unique_ptr<storage::StateView> MemoryStore::view() const {
  const std::lock_guard lock(disk_->mutex);
  return std::make_unique<View>(disk_->shards);
}

void MemoryStore::append(storage::LogBatch batch, bool, Done done) {
  {
    const std::lock_guard lock(disk_->mutex);
    counters_.pending_bytes.add(batch.bytes());
  }
  later([this, batch = std::move(batch), done = std::move(done)] {
    {
      const std::lock_guard lock(disk_->mutex);
      batch.each([&](std::string_view key, std::string_view value) {
        if (const auto place = storage::parse_log_key(key)) {
          return add_record(disk_->shards[place->shard.value], place->index, key, value);
        }
        const auto kind = storage::parse_change_key(key);
        change_log(disk_->shards[kind.shard.value], kind.kind, value);
      });
      counters_.pending_bytes.sub(batch.bytes());
      counters_.syncs.add();
    }
    done({});
  });
}

void MemoryStore::write_state(ShardId shard, LogIndex applied, LogIndex trim_to,
                              storage::StateBatch batch, Done done) {
  const auto write = [applied, trim_to, batch = std::move(batch)](MemoryReplica& at) {
    using Kind = storage::StateBatch::Kind;
    batch.each([&](Kind kind, std::string_view key, std::string_view value) {
      if (kind == Kind::put) {
        at.state[std::string(key)] = value;
      } else if (kind == Kind::erase) {
        at.state.erase(std::string(key));
      } else {
        at.state.erase(at.state.lower_bound(std::string(key)),
                       value.empty() ? at.state.end() : at.state.lower_bound(std::string(value)));
      }
    });
    at.applied = applied;
    at.trim_to = std::max(at.trim_to, trim_to);
  };
  change(shard, write, std::move(done));
}

void MemoryStore::flush_state(Done done) {
  later([this, done = std::move(done)] {
    {
      const std::lock_guard lock(disk_->mutex);
      for (auto& [id, shard] : disk_->shards) trim(shard);
    }
    done({});
  });
}

void MemoryStore::read(std::function<void(const storage::StateView&)> job) {
  later([this, job = std::move(job)] { job(*view()); });
}

Result<std::unique_ptr<storage::Snapshot>> MemoryStore::snapshot() {
  return error(ErrorKind::io, "memory has no files");
}

storage::ReplicaOnDisk MemoryStore::replica(ShardId shard) const {
  const auto found = opened_.find(shard.value);
  return found == opened_.end() ? storage::ReplicaOnDisk() : found->second;
}

void MemoryStore::read_log(ShardId shard, LogIndex first, LogIndex last, std::uint64_t bytes_max,
                           LogRead done) {
  later([=, this, done = std::move(done)] {
    std::vector<LogPiece> pieces;
    {
      const std::lock_guard lock(disk_->mutex);
      const auto& log = disk_->shards[shard.value].log;
      std::uint64_t bytes = 0;
      for (auto one = log.find(first); one != log.end() && one->first <= last; ++one) {
        pieces.push_back({{one->second.epoch, one->first}, one->second.bytes});
        bytes += one->second.bytes.size();
        if (bytes >= bytes_max) break;
      }
    }
    done(std::move(pieces));
  });
}

Result<std::unique_ptr<storage::ShardSnapshot>> MemoryStore::shard_snapshot(ShardId shard) {
  const std::lock_guard lock(disk_->mutex);
  return std::unique_ptr<storage::ShardSnapshot>(
      std::make_unique<Copy>(disk_->shards[shard.value]));
}

void MemoryStore::begin_import(ShardId shard, Done done) {
  change(
      shard,
      [](MemoryReplica& at) {
        std::string meta = std::move(at.meta);
        at = {};
        at.meta = std::move(meta);
      },
      std::move(done));
}

void MemoryStore::end_import(ShardId shard, Imported imported, Done done) {
  change(
      shard,
      [imported = std::move(imported)](MemoryReplica& at) {
        at.epochs = imported.epochs;
        at.trimmed = imported.trimmed;
        at.applied = imported.applied;
        at.trim_to = imported.trimmed.index;
        at.meta = imported.meta;
      },
      std::move(done));
}

}  // namespace roost::cluster
