// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "broker/base/check.h"

namespace roost::simulation {

using replication::AppendOp;
using replication::BeginImportOp;
using replication::CutOp;
using replication::EndImportOp;
using replication::LogRecord;
using replication::MetaOp;

std::uint64_t content_of(const LogRecord& record) {
  std::uint64_t number = 0;
  if (record.is_no_op()) return number;
  std::memcpy(&number, record.bytes.data(), std::min(sizeof number, record.bytes.size()));
  return number;
}

Seen seen_of(const LogRecord& record) { return {record.position.epoch, content_of(record)}; }

Seen ShardOnDisk::at(std::uint64_t index) const { return seen_of(record(index)); }

void ShardOnDisk::append(const LogRecord& record) {
  CHECK(record.position.index == last() + 1);
  log.push_back(record);
  table.append(record.position);
}

void ShardOnDisk::trim(LogIndex new_first) {
  while (first_kept < new_first && !log.empty()) {
    log.pop_front();
    ++first_kept;
  }
}

Disk::Disk(EventQueue& queue, Random random, std::string name)
    : queue_(queue), random_(random), name_(std::move(name)), uuid_(make_uuid()) {}

std::string Disk::make_uuid() { return name_ + "-disk" + std::to_string(++uuids_made_); }

std::vector<ShardId> Disk::shards() const {
  std::vector<ShardId> all;
  for (const auto& [id, shard] : shards_) {
    all.push_back(id);
  }
  return all;
}

replication::StoredReplica Disk::load(ShardId id) {
  Shard& shard = shards_[id];
  replication::StoredReplica stored;
  stored.meta = shard.now.meta;
  stored.table = shard.now.table;
  stored.last = shard.now.last();
  stored.first_kept = shard.now.first_kept;
  stored.commit = shard.now.applied;
  stored.applied = shard.now.applied;
  const std::size_t count = random_.below(shard.now.log.size() + 1);
  stored.tail.assign(shard.now.log.end() - static_cast<std::ptrdiff_t>(count), shard.now.log.end());
  return stored;
}

void Disk::carry_out(const What& what, ShardOnDisk& disk) {
  if (const auto* append = std::get_if<AppendOp>(&what)) {
    for (const LogRecord& record : *append->records) {
      disk.append(record);
    }
  } else if (const auto* cut = std::get_if<CutOp>(&what)) {
    while (!disk.log.empty() && disk.last() > cut->last) {
      disk.log.pop_back();
    }
    disk.table.cut_after(cut->last);
  } else if (const auto* meta = std::get_if<MetaOp>(&what)) {
    disk.meta = meta->meta;
  } else if (const auto* begin = std::get_if<BeginImportOp>(&what)) {
    disk.meta = begin->meta;
    disk.table = {};
    disk.log.clear();
    disk.first_kept = 1;
    disk.applied = 0;
  } else if (const auto* end = std::get_if<EndImportOp>(&what)) {
    disk.meta = end->meta;
  } else if (const auto* import = std::get_if<ImportWrite>(&what)) {
    disk.table = import->table;
    disk.log.assign(import->log.begin(), import->log.end());
    disk.first_kept = import->first_kept;
    disk.applied = import->applied;
  }
}

void Disk::submit(ShardId shard, std::uint64_t number, What what) {
  carry_out(what, shards_[shard].now);
  writes_.push_back({shard, number, std::move(what)});
  if (!busy_since_us_ && !is_broken_) {
    begin_sync();
  }
}

void Disk::begin_sync() {
  busy_since_us_ = queue_.now_us();
  syncing_ = writes_.size();
  queue_.after(random_.between(delay_us_min_, delay_us_max_), [this, generation = generation_] {
    if (generation != generation_) {
      return;
    }
    is_due_ = true;
    if (!is_hanging_) {
      end_sync();
    }
  });
}

void Disk::end_sync() {
  is_due_ = false;
  busy_since_us_.reset();
  if (const auto fails = std::exchange(fails_next_, nullptr); fails && fails()) {
    is_broken_ = true;
    process_.on_failed();
    return;
  }
  std::map<ShardId, std::uint64_t> numbers;
  std::vector<std::pair<ShardId, std::uint64_t>> imported;
  for (; syncing_ > 0; --syncing_) {
    Write write = std::move(writes_.front());
    writes_.pop_front();
    carry_out(write.what, shards_[write.shard].synced);
    if (std::holds_alternative<ImportWrite>(write.what)) {
      imported.emplace_back(write.shard, write.number);
    } else {
      numbers[write.shard] = write.number;
    }
  }
  if (!writes_.empty()) {
    begin_sync();
  }
  const std::uint64_t generation = generation_;
  for (const auto& [shard, number] : numbers) {
    if (generation == generation_) {
      process_.on_synced(shard, number);
    }
  }
  for (const auto& [shard, number] : imported) {
    if (generation == generation_) {
      process_.on_imported(shard, number);
    }
  }
}

void Disk::flush_state(ShardId shard, LogIndex applied) {
  shards_[shard].now.applied = applied;
  shards_[shard].synced.applied = applied;
}

void Disk::trim(ShardId shard, LogIndex first_kept) {
  shards_[shard].now.trim(first_kept);
  shards_[shard].synced.trim(first_kept);
}

void Disk::tear(ShardId id, std::vector<const Write*> writes) {
  Shard& shard = shards_[id];
  const std::size_t kept = random_.below(writes.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) {
    carry_out(writes[i]->what, shard.synced);
  }
  if (kept < writes.size()) {
    if (const auto* torn = std::get_if<AppendOp>(&writes[kept]->what)) {
      const std::size_t records = random_.below(torn->records->size() + 1);
      for (std::size_t i = 0; i < records; ++i) {
        shard.synced.append((*torn->records)[i]);
      }
    }
  }
}

void Disk::crash() {
  ++generation_;
  process_ = {};
  busy_since_us_.reset();
  is_due_ = false;
  is_broken_ = false;
  syncing_ = 0;
  std::map<ShardId, std::vector<const Write*>> unsynced;
  for (const Write& write : writes_) {
    unsynced[write.shard].push_back(&write);
  }
  for (auto& [shard, writes] : unsynced) {
    tear(shard, std::move(writes));
  }
  writes_.clear();
  for (auto& [id, shard] : shards_) {
    shard.now = shard.synced;
  }
}

void Disk::lose() {
  crash();
  shards_.clear();
  uuid_ = make_uuid();
}

void Disk::forget(bool is_sound) {
  crash();
  uuid_ = make_uuid();
  for (auto& [id, shard] : shards_) {
    if (!is_sound) {
      spoil(shard.synced);
    }
    shard.now = shard.synced;
  }
}

void Disk::damage() { forget(false); }

// Some of the log is gone, and some of what is left isn't what was written. The store knows that
// it doesn't know what it has.
void Disk::spoil(ShardOnDisk& disk) {
  disk.meta.is_importing = true;
  const LogIndex keep = disk.applied + random_.below(disk.last() - disk.applied + 1);
  carry_out(CutOp{keep}, disk);
  for (LogRecord& record : disk.log) {
    if (!record.is_no_op() && random_.one_in(4)) {
      const std::uint64_t garbage = random_.next();
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(&garbage);
      record = replication::make_record(record.position, ByteView(bytes, sizeof garbage));
    }
  }
}

void Disk::set_delay(std::int64_t min_us, std::int64_t max_us) {
  delay_us_min_ = min_us;
  delay_us_max_ = max_us;
}

void Disk::go_on() {
  is_hanging_ = false;
  if (is_due_) {
    end_sync();
  }
}

}  // namespace roost::simulation
