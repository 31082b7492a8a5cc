// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/disk_gate.h"

#include <iterator>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/record_codec.h"

namespace roost::gates {

DiskGate::DiskGate(storage::Store& store, core::Core& core, session::SessionTable& table,
                   std::uint64_t epoch)
    : store_(store),
      core_(core),
      table_(table),
      epoch_(epoch),
      last_(table.router().shard_count()),
      batch_(std::make_shared<Batch>()) {
  for (std::uint16_t id = 0; id < last_.size(); ++id) last_[id] = store.last(ShardId{id}).index;
}

DiskGate::~DiskGate() = default;

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
  const auto large = held_.find(one.shard.value);
  if (large != held_.end()) {
    large->second.behind.push_back(std::move(one));
    return;
  }
  scratch_.clear();
  session::encode_record(one.record, table_.shard(one.shard).offset_ms(), scratch_);
  if (session::needs_parts(scratch_)) {
    begin_large(std::move(one), std::exchange(scratch_, {}));
    return;
  }
  one.index = ++last_[one.shard.value];
  bytes_.add(one.shard, epoch_, one.index, scratch_);
  batch_->push_back(std::move(one));
}

void DiskGate::begin_large(Appended one, std::vector<std::uint8_t> bytes) {
  const std::uint16_t shard = one.shard.value;
  Large& large = held_[shard];
  large.record = std::move(one);
  large.bytes = std::move(bytes);
  large.splitter = std::make_unique<session::RecordSplitter>(large.bytes);
  next_part(shard);
}

// The last part stands for the record; what waited behind it follows.
void DiskGate::next_part(std::uint16_t shard) {
  Large& large = held_.find(shard)->second;
  storage::LogBatch bytes;
  std::vector<std::uint8_t> part;
  if (!large.splitter->next(part)) {
    auto batch = std::make_shared<Batch>();
    large.record.index = last_[shard];
    batch->push_back(std::move(large.record));
    std::deque<Appended> behind = std::move(large.behind);
    held_.erase(shard);
    commit(*batch);
    waiting_.insert(waiting_.begin(), std::make_move_iterator(behind.begin()),
                    std::make_move_iterator(behind.end()));
    if (!waiting_.empty()) core_.at_turn_end(*this);
    return;
  }
  bytes.add(ShardId{shard}, epoch_, ++last_[shard], part);
  submit(std::move(bytes), std::make_shared<Batch>(), [this, shard] { next_part(shard); });
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
  store_.append(std::move(bytes), true, [this, batch, next](const Result<void>& written) {
    if (!written) return;  // the store ends, and the process with it
    const bool is_small = !batch->empty() && batch->size() <= kCommitHereMax;
    core::Task task = [this, batch, next] {
      --in_flight_;
      commit(*batch);
      if (*next) (*next)();
    };
    // The writer has nothing else to do just now: else there would have been more in one write.
    is_small ? core_.post_and_run(std::move(task)) : core_.post(std::move(task));
  });
}

void DiskGate::commit(Batch& batch) {
  for (Appended& one : batch) table_.on_committed(one.shard, one.index, one.record, one.door);
}

void DiskGate::write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
                     core::Task done) {
  auto batch = std::make_shared<storage::StateBatch>();
  for (const session::StateChanges::Change& one : changes.changes) {
    if (!one.end.empty()) {
      batch->erase_range(one.key, one.end);
    } else if (one.value) {
      batch->put(one.key, *one.value);
    } else {
      batch->erase(one.key);
    }
  }
  write_again({shard, applied, std::move(batch), std::make_shared<core::Task>(std::move(done))});
}

void DiskGate::write_again(Write write) {
  store_.write_state(write.shard, write.applied, storage::StateBatch(*write.batch),
                     [this, write](const Result<void>& written) {
                       const bool is_written = written.has_value();
                       core_.post([this, write, is_written] {
                         if (is_written) return (*write.done)();
                         refused_.push_back(write);
                         core_.timers().arm(*this, core_.now_ms() + kRetryMs);
                       });
                     });
}

void DiskGate::on_timer() {
  for (Write& write : std::exchange(refused_, {})) write_again(std::move(write));
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

session::ShardStarted start_shard(const storage::Store& store, const storage::StateView& view,
                                  session::SessionTable& table, ShardId shard, const Clock& clock) {
  const session::LogIndex applied = store.applied(shard);
  const auto scan = [&](const session::LogVisit& visit) {
    static_cast<void>(store
                          .replay(shard, applied,
                                  [&](std::uint64_t, storage::LogIndex index, ByteView record) {
                                    visit(index, record);
                                  })
                          .has_value());
  };
  return session::start_shard(table, shard, ShardReader(view, shard), applied, scan, clock);
}

}  // namespace roost::gates
