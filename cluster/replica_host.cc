// SPDX-License-Identifier: Apache-2.0
#include "cluster/replica_host.h"

#include <algorithm>

#include "broker/base/check.h"
#include "cluster/replica_meta.h"

namespace roost::cluster {

using replication::LogIndex;
using replication::LogRecord;

namespace {

Result<replication::StoredReplica> read_stored(const storage::ReplicaStore& store, ShardId shard) {
  const storage::ReplicaOnDisk disk = store.replica(shard);
  auto meta = decode_meta(disk.meta);
  if (!meta) return Unexpected(std::move(meta).error());
  replication::StoredReplica stored;
  stored.meta = std::move(meta).value();
  std::vector<replication::EpochTable::Start> starts;
  for (const storage::EpochStart& start : disk.epochs) starts.push_back({start.epoch, start.first});
  if (!replication::EpochTable::is_sound(starts)) {
    return error(ErrorKind::corrupt, "the table of epochs doesn't rise");
  }
  stored.table = replication::EpochTable(std::move(starts));
  stored.last = disk.last.index;
  stored.first_kept = disk.first_kept;
  stored.applied = stored.commit = disk.applied;
  LogIndex next = disk.applied + 1;
  bool is_whole = true;
  const auto read =
      store.replay(shard, disk.applied, [&](std::uint64_t epoch, LogIndex index, ByteView bytes) {
        is_whole = is_whole && index == next && stored.table.epoch_at(index) == epoch;
        ++next;
        stored.tail.push_back(replication::make_record({epoch, index}, bytes));
      });
  if (!read) return Unexpected(read.error());
  // Records are missing, or come from a damaged file while their epoch's beginning doesn't: such a
  // store has a new uuid (R7), and nobody expects anything of this replica.
  if (is_whole && (next == disk.last.index + 1 || disk.last.index <= disk.applied)) return stored;
  stored.tail.clear();
  stored.meta.is_importing = true;
  return stored;
}

// None where it couldn't be read.
std::vector<LogRecord> records_of(
    const Result<std::vector<storage::ReplicaStore::LogPiece>>& read) {
  std::vector<LogRecord> records;
  for (std::size_t i = 0; read && i < read->size(); ++i) {
    const auto& one = (*read)[i];
    records.push_back(
        replication::make_record({one.position.epoch, one.position.index}, as_bytes(one.record)));
  }
  return records;
}

}  // namespace

Result<std::unique_ptr<ReplicaHost>> ReplicaHost::open(ShardId shard, Replica self,
                                                       const Keys& keys,
                                                       replication::Settings settings,
                                                       storage::ReplicaStore& store, Post post,
                                                       ReplicaNode& node, SteadyMs now) {
  auto stored = read_stored(store, shard);
  if (!stored) return Unexpected(std::move(stored).error());
  return std::unique_ptr<ReplicaHost>(new ReplicaHost(shard, std::move(self), keys, settings, store,
                                                      std::move(post), node, now,
                                                      std::move(stored).value()));
}

ReplicaHost::ReplicaHost(ShardId shard, Replica self, const Keys& keys,
                         replication::Settings settings, storage::ReplicaStore& store, Post post,
                         ReplicaNode& node, SteadyMs now, replication::StoredReplica stored)
    : shard_(shard),
      store_(store),
      post_(std::move(post)),
      node_(node),
      replica_(shard, std::move(self), keys.shard(shard), settings, stored, now),
      unapplied_(stored.tail.begin(), stored.tail.end()),
      trim_to_(stored.first_kept - 1),
      loaded_(stored.applied) {}

void ReplicaHost::turn(SteadyMs now) {
  if (forgotten_ || has_failed_) return;
  for (;;) {
    replica_.take(now, out_);
    if (out_.empty()) break;
    for (replication::LogOp& op : out_.log) ops_.push_back(std::move(op));
    carry_out();
    for (replication::Send& one : out_.sends) node_.send(shard_, one.to, std::move(one.message));
    for (const replication::LogRead& one : out_.reads) read(one);
    for (replication::TxnRequest& one : out_.txns) {
      node_.transact(shard_, one.id, std::move(one.txn));
    }
    if (out_.record_read) node_.read_record(shard_, *out_.record_read);
    for (const replication::SnapshotRequest& one : out_.snapshots) {
      node_.send_snapshot(shard_, one.to, one.import);
    }
    for (const replication::RaisedAlarm& one : out_.alarms) node_.raise(shard_, one);
    if (out_.is_status_changed) node_.status_changed(shard_);
    out_.clear();
  }
  apply();
}

void ReplicaHost::carry_out() {
  std::uint64_t number = 0;
  while (!ops_.empty() && !is_importing_) {
    // What is still being written would be written into what comes.
    if (writes_ > 0 && std::holds_alternative<replication::BeginImportOp>(ops_.front().what)) break;
    const replication::LogOp op = std::move(ops_.front());
    ops_.pop_front();
    if (const auto* begin = std::get_if<replication::BeginImportOp>(&op.what)) {
      submit(number);
      begin_import(op.number, *begin);
    } else if (const auto* end = std::get_if<replication::EndImportOp>(&op.what)) {
      submit(number);
      end_import(op.number, *end);
    } else {
      if (const auto* append = std::get_if<replication::AppendOp>(&op.what)) add(*append);
      if (const auto* cut = std::get_if<replication::CutOp>(&op.what)) add(*cut);
      if (const auto* meta = std::get_if<replication::MetaOp>(&op.what)) add(*meta);
      number = op.number;
    }
  }
  submit(number);
}

void ReplicaHost::add(const replication::AppendOp& op) {
  for (const LogRecord& record : *op.records) {
    batch_.add(shard_, record.position.epoch, record.position.index, record.bytes);
    unapplied_.push_back(record);
  }
}

void ReplicaHost::add(const replication::CutOp& op) {
  batch_.cut_after(shard_, op.last);
  while (!unapplied_.empty() && unapplied_.back().position.index > op.last) unapplied_.pop_back();
}

void ReplicaHost::add(const replication::MetaOp& op) { batch_.put_meta(shard_, encode(op.meta)); }

void ReplicaHost::submit(std::uint64_t number) {
  if (batch_.empty()) return;
  node_.append(shard_, std::exchange(batch_, {}),
               [this, number](const Result<void>& result) { synced(number, result); });
}

void ReplicaHost::synced(std::uint64_t number, const Result<void>& result) {
  if (!result) return fail(result.error());
  if (!has_failed_) replica_.on_synced(number);
}

// R7: what the disk refused may not be taken for written, and what comes behind it has a hole
// before it: nothing is acknowledged any more.
void ReplicaHost::fail(const Error& why) {
  if (std::exchange(has_failed_, true)) return;
  replica_.resign();
  node_.failed(shard_, why);
}

void ReplicaHost::write_ended() {
  CHECK(writes_ > 0);
  if (--writes_ > 0) return;
  if (forgotten_) return forget_now();
  carry_out();
}

void ReplicaHost::forget(Forgotten done) {
  CHECK(!forgotten_ && replica_.role() != replication::Role::leader);
  forgotten_ = std::move(done);
  unapplied_.clear();
  if (writes_ == 0 && !is_importing_) forget_now();
}

// As an import that never comes: the mark, and R1's promise, stay for ever.
void ReplicaHost::forget_now() {
  is_importing_ = true;
  replication::StoredReplica left;
  left.meta = replica_.meta();
  left.meta.is_importing = true;
  batch_ = {};
  batch_.put_meta(shard_, encode(left.meta));
  node_.append(shard_, std::exchange(batch_, {}), [this, left](const Result<void>& marked) {
    if (!marked) return forgotten_(Unexpected(marked.error()));
    store_.begin_import(shard_, [this, post = post_, left](const Result<void>& result) {
      post([this, left, result] {
        if (!result) return forgotten_(Unexpected(result.error()));
        forgotten_(left);
      });
    });
  });
}

// The mark first, on disk; only then is anything deleted.
void ReplicaHost::begin_import(std::uint64_t number, const replication::BeginImportOp& op) {
  is_importing_ = true;
  unapplied_.clear();
  imported_.reset();
  trim_to_ = 0;
  node_.replaced(shard_);
  batch_.put_meta(shard_, encode(op.meta));
  node_.append(shard_, std::exchange(batch_, {}), [this, number](const Result<void>& marked) {
    if (!marked) return synced(number, marked);
    store_.begin_import(shard_, [this, post = post_, number](const Result<void>& result) {
      post([this, number, result] {
        is_importing_ = false;
        if (forgotten_) return forget_now();
        synced(number, result);
        carry_out();
      });
    });
  });
}

void ReplicaHost::on_imported(std::uint64_t import, replication::Imported imported) {
  imported_ = imported;
  replica_.on_imported(import, std::move(imported));
}

void ReplicaHost::end_import(std::uint64_t number, const replication::EndImportOp& op) {
  CHECK(imported_);
  is_importing_ = true;
  storage::ReplicaStore::Imported whole;
  for (const auto& start : imported_->table.starts()) {
    whole.epochs.push_back({start.epoch, start.first});
  }
  const LogIndex trimmed = imported_->first_kept - 1;
  whole.trimmed = {imported_->table.epoch_at(trimmed), trimmed};
  whole.applied = imported_->applied;
  whole.meta = encode(op.meta);
  node_.send_appends();  // an older meta among them
  store_.end_import(shard_, std::move(whole), [this, post = post_, number](const auto& result) {
    post([this, number, result] { read_imported(number, result); });
  });
}

// What came as log behind the state is not applied yet.
void ReplicaHost::read_imported(std::uint64_t number, const Result<void>& ended) {
  if (!ended) return fail(ended.error());
  const LogIndex trimmed = imported_->first_kept - 1, last = imported_->last;
  store_.read_log(shard_, trimmed + 1, last, UINT64_MAX, [=, this, post = post_](const auto& read) {
    auto records = records_of(read);
    const bool is_whole = read && records.size() == last - trimmed;
    post([=, this, records = std::move(records)] {
      is_importing_ = false;
      if (forgotten_) return forget_now();
      if (!is_whole) return fail({ErrorKind::io, "what was imported can't be read"});
      take_imported(records);
      node_.replaced(shard_);
      synced(number, {});
      carry_out();
    });
  });
}

void ReplicaHost::take_imported(const std::vector<LogRecord>& records) {
  trim_to_ = imported_->first_kept - 1;
  loaded_ = imported_->applied;
  const auto behind = records.begin() + static_cast<std::ptrdiff_t>(loaded_ - trim_to_);
  kept_.assign(records.begin(), behind);
  unapplied_.assign(behind, records.end());
}

void ReplicaHost::read(const replication::LogRead& read) {
  store_.read_log(
      shard_, read.first, read.last, read.bytes_max,
      [this, post = post_, id = read.id](const auto& found) {
        post([this, id, records = records_of(found)] { replica_.on_log_read(id, records); });
      });
}

// R2: nothing is applied beyond the commit, nor what isn't on disk here.
void ReplicaHost::apply() {
  const LogIndex end = replica_.apply_to();
  while (!unapplied_.empty() && unapplied_.front().position.index <= end) {
    const LogRecord record = std::move(unapplied_.front());
    unapplied_.pop_front();
    if (!record.is_no_op()) node_.apply(shard_, record);
  }
}

void ReplicaHost::write_state(LogIndex applied, LogIndex keep_from, storage::StateBatch batch,
                              storage::Store::Done done) {
  const LogIndex wanted = std::min(keep_from, replica_.wanted_from());
  const LogIndex trim_to = std::min(applied, wanted == 0 ? 0 : wanted - 1);
  write_began();
  store_.write_state(
      shard_, applied, trim_to, std::move(batch),
      [this, post = post_, applied, trim_to, done = std::move(done)](const Result<void>& result) {
        post([=, this] {
          if (result) {
            replica_.on_applied(applied);
            trim_to_ = std::max(trim_to_, trim_to);
          }
          done(result);
          write_ended();
        });
      });
}

void ReplicaHost::on_flushed(LogIndex trim_to) {
  if (trim_to <= trim_to_) replica_.on_trimmed(trim_to + 1);  // else an import came between
}

std::uint64_t brought_epoch(const storage::ReplicaStore& store, std::uint16_t shard_count) {
  std::uint64_t highest = 0;
  for (std::uint16_t id = 0; id < shard_count; ++id) {
    const storage::ReplicaOnDisk disk = store.replica(ShardId{id});
    if (disk.meta.empty() && !disk.epochs.empty()) {
      highest = std::max(highest, disk.epochs.back().epoch);
    }
  }
  return highest;
}

Brought brought(const storage::ReplicaStore& store, std::uint16_t shard_count,
                const std::function<bool(ShardId)>& has_content) {
  Brought most = Brought::nothing;
  for (std::uint16_t id = 0; id < shard_count; ++id) {
    const ShardId shard{id};
    const storage::ReplicaOnDisk disk = store.replica(shard);
    if (!disk.meta.empty() || (disk.last.index == 0 && disk.applied == 0)) continue;
    if (!has_content || has_content(shard)) return Brought::content;
    most = Brought::bookkeeping;
  }
  return most;
}

}  // namespace roost::cluster
