// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/disk_gate.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/record_codec.h"

namespace roost::gates {

namespace {

// Of state that is written in one go ahead of the changes that name it.
constexpr std::size_t kAheadBytes = 1024 * 1024;

std::shared_ptr<storage::StateBatch> batch_of(const session::StateChanges& changes) {
  auto batch = std::make_shared<storage::StateBatch>();
  batch->reserve(changes.bytes + changes.changes.size() * storage::StateBatch::kOverhead);
  for (const session::StateChanges::Change& one : changes.changes) {
    if (!one.end.empty()) {
      batch->erase_range(one.key, one.end);
    } else if (one.value) {
      batch->put(one.key, *one.value);
    } else {
      batch->erase(one.key);
    }
  }
  return batch;
}

}  // namespace

DiskGate::DiskGate(storage::Store& store, core::Core& core, session::SessionTable& table,
                   std::uint64_t epoch)
    : store_(store),
      core_(core),
      table_(table),
      epoch_(epoch),
      last_(table.router().shard_count()),
      batch_(std::make_shared<Batch>()),
      stands_(last_.size()) {
  for (std::uint16_t id = 0; id < last_.size(); ++id) {
    last_[id] = store.last(ShardId{id}).index;
    stands_[id].applied = store.applied(ShardId{id});
  }
}

DiskGate::~DiskGate() = default;

// --- log ---

void DiskGate::append(ShardId shard, session::Record record, session::Door* door) {
  waiting_.push_back({shard, 0, std::move(record), door});
  core_.at_turn_end(*this);
}

void DiskGate::on_turn_end() {
  while (!waiting_.empty()) {
    Appended one = std::move(waiting_.front());
    waiting_.pop_front();
    add(std::move(one));
    if (bytes_.bytes() >= kBatchBytes) submit();
  }
  submit();
}

void DiskGate::add(Appended one) {
  const auto large = large_.empty() ? large_.end() : large_.find(one.shard.value);
  if (large != large_.end() && large->second.order.binds(one.record)) {
    large->second.order.add(one.record);
    large->second.behind.push_back(std::move(one));
    return;
  }
  scratch_.clear();
  session::encode_record(one.record, table_.shard(one.shard).offset_ms(), scratch_);
  if (session::needs_parts(scratch_)) {
    begin_large(std::move(one));
    return;
  }
  one.index = ++last_[one.shard.value];
  bytes_.add(one.shard, epoch_, one.index, scratch_.bytes);
  batch_->push_back(std::move(one));
}

// One after the other in each shard: whoever joins the parts again knows one at a time.
void DiskGate::begin_large(Appended one) {
  const std::uint16_t shard = one.shard.value;
  const auto [at, is_first] = large_.try_emplace(shard);
  Large& large = at->second;
  large.order.add(one.record);
  if (!is_first) {
    large.behind.push_back(std::move(one));
    return;
  }
  large.record = std::move(one);
  large.splitter = std::make_unique<session::RecordSplitter>(std::exchange(scratch_, {}));
  turns_.push_back(shard);
  if (!is_part_in_flight_) next_part();
}

// What was appended before goes first; the shards' large records take turns.
void DiskGate::next_part() {
  submit();
  const ShardId shard{turns_.front()};
  turns_.pop_front();
  Large& large = large_.find(shard.value)->second;
  std::vector<std::uint8_t> part;
  large.splitter->next(part);
  const session::LogIndex index = ++last_[shard.value];
  if (large.first == 0) large.first = index;
  storage::LogBatch bytes;
  bytes.add(shard, epoch_, index, part);
  auto batch = std::make_shared<Batch>();
  const bool is_last = large.splitter->done();
  if (is_last) {
    large.record.index = index;
    batch->push_back(std::move(large.record));
  } else {
    turns_.push_back(shard.value);
  }
  is_part_in_flight_ = true;
  submit(std::move(bytes), std::move(batch), [this, shard, is_last] {
    is_part_in_flight_ = false;
    if (is_last) end_large(shard);
    if (!turns_.empty() && !is_part_in_flight_) next_part();
  });
}

// The last part was committed. What waited behind comes before what is appended from now on.
void DiskGate::end_large(ShardId shard) {
  const auto at = large_.find(shard.value);
  std::deque<Appended> behind = std::move(at->second.behind);
  large_.erase(at);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(behind.begin()),
                  std::make_move_iterator(behind.end()));
  if (!waiting_.empty()) core_.at_turn_end(*this);
}

void DiskGate::submit() {
  if (batch_->empty()) return;
  submit(std::exchange(bytes_, {}), std::exchange(batch_, std::make_shared<Batch>()), {});
}

// Always essential: what may be refused for a full disk was refused before it was appended, so
// the rest waits in its order until there is room.
void DiskGate::submit(storage::LogBatch bytes, std::shared_ptr<Batch> batch, core::Task then) {
  ++in_flight_;
  auto next = std::make_shared<core::Task>(std::move(then));
  store_.append(std::move(bytes), true,
                [this, batch = std::move(batch), next](const Result<void>& written) {
                  if (!written) return;  // the store ends, and the process with it
                  const bool is_small = !batch->empty() && batch->size() <= kCommitHereMax;
                  core::Task task = [this, batch, next] {
                    --in_flight_;
                    commit(*batch);
                    if (*next) (*next)();
                  };
                  // The writer has nothing else to do just now: else there would have been more in
                  // one write.
                  is_small ? core_.post_and_run(std::move(task)) : core_.post(std::move(task));
                });
}

void DiskGate::commit(Batch& batch) {
  for (Appended& one : batch) table_.on_committed(one.shard, one.index, one.record, one.door);
}

// --- state ---

void DiskGate::write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
                     core::Task done) {
  auto write = std::make_shared<Write>();
  write->shard = shard;
  write->stand = {applied, applied};
  // The parts of a record that isn't whole yet stay in the log.
  const auto large = large_.find(shard.value);
  if (large != large_.end() && large->second.first != 0) {
    write->stand.trim_to = std::min(applied, large->second.first - 1);
  }
  write->changes = std::move(changes);
  write->done = std::move(done);
  write_next(write);
}

// Until the last batch, which carries the applied index, the shard's state stays as it was.
void DiskGate::write_next(const WritePtr& write) {
  session::StateChanges ahead;
  std::deque<session::BodySplitter>& bodies = write->changes.bodies;
  while (!bodies.empty() && ahead.bytes < kAheadBytes) {
    bodies.front().next(ahead);
    if (bodies.front().done()) bodies.pop_front();
  }
  write->is_last = ahead.changes.empty();
  write->batch = batch_of(write->is_last ? write->changes : ahead);
  if (write->is_last) {
    stands_[write->shard.value] = write->stand;
    write->changes = {};
  }
  write_again(write);
}

void DiskGate::write_again(const WritePtr& write) {
  const Stand stand = stands_[write->shard.value];
  store_.write_state(write->shard, stand.applied, stand.trim_to, storage::StateBatch(*write->batch),
                     [this, write](const Result<void>& result) {
                       const bool is_written = result.has_value();
                       core_.post([this, write, is_written] {
                         if (is_written) return written(write);
                         refused_.push_back(write);
                         core_.timers().arm(*this, core_.now_ms() + kRetryMs);
                       });
                     });
}

void DiskGate::written(const WritePtr& write) {
  if (write->is_last) return write->done();
  write_next(write);
}

void DiskGate::on_timer() {
  for (const WritePtr& write : std::exchange(refused_, {})) write_again(write);
}

namespace {

class ShardReader final : public session::StateReader {
 public:
  ShardReader(const storage::StateView& view, ShardId shard) : view_(view), shard_(shard) {}

  // What can't be read the store says and counts.
  std::optional<std::string> get(std::string_view key) const override {
    auto value = view_.get(shard_, key);
    return value ? std::move(*value) : std::nullopt;
  }
  void scan(std::string_view from, std::string_view to,
            const std::function<bool(std::string_view, ByteView)>& visit) const override {
    static_cast<void>(view_.scan(shard_, from, to, visit).has_value());
  }

 private:
  const storage::StateView& view_;
  const ShardId shard_;
};

}  // namespace

void DiskGate::read(ShardId shard, Job job) {
  store_.read([this, shard, job = std::move(job)](const storage::StateView& view) {
    core_.post(job(ShardReader(view, shard)));
  });
}

session::ShardStarted start_shard(const storage::StoreReading& store,
                                  const storage::StateView& view, session::SessionTable& table,
                                  ShardId shard, const Clock& clock) {
  const session::LogIndex applied = store.applied(shard);
  // From the trim point on: a record that was being written in parts may have begun before.
  Result<void> read;
  const auto scan = [&](const session::LogVisit& visit) {
    read = store.replay(shard, 0, [&](std::uint64_t, storage::LogIndex index, ByteView record) {
      visit(index, record);
    });
  };
  auto started = session::start_shard(table, shard, ShardReader(view, shard), applied, scan, clock);
  // What is behind a page that can't be read is missing too: said and counted like the rest.
  if (!read && started.unreadable++ == 0) started.first_fault = read.error().message;
  return started;
}

}  // namespace roost::gates
