// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/disk_gate.h"

#include <algorithm>
#include <utility>

#include "broker/core/load.h"

namespace roost::gates {

DiskGate::DiskGate(storage::Store& store, core::Core& core, session::SessionTable& table,
                   std::uint64_t epoch)
    : store_(store),
      core_(core),
      table_(table),
      epoch_(epoch),
      line_(core, table, *this, session::kRecordPartMax),
      states_(core, *this),
      last_(table.router().shard_count()),
      batch_(std::make_shared<Batch>()) {
  for (std::uint16_t id = 0; id < last_.size(); ++id) {
    last_[id] = store.last(ShardId{id}).index;
    states_.begin(ShardId{id}, store.applied(ShardId{id}));
  }
}

DiskGate::~DiskGate() = default;

// --- log ---

void DiskGate::put(Appended one, ByteView bytes) {
  one.index = ++last_[one.shard.value];
  bytes_.add(one.shard, epoch_, one.index, bytes);
  batch_->push_back(std::move(one));
  if (bytes_.bytes() >= kBatchBytes) flush();
}

session::LogIndex DiskGate::put_part(ShardId shard, std::vector<std::uint8_t> part,
                                     std::optional<Appended> whole) {
  const session::LogIndex index = ++last_[shard.value];
  storage::LogBatch bytes;
  bytes.add(shard, epoch_, index, part);
  auto batch = std::make_shared<Batch>();
  const bool is_last = whole.has_value();
  if (is_last) {
    whole->index = index;
    batch->push_back(std::move(*whole));
  }
  submit(std::move(bytes), std::move(batch),
         [this, shard, is_last] { line_.part_done(shard, is_last); });
  return index;
}

void DiskGate::flush() {
  if (batch_->empty()) return;
  submit(std::exchange(bytes_, {}), std::exchange(batch_, std::make_shared<Batch>()), {});
}

// Always essential: what may be refused for a full disk was refused before it was appended, so
// the rest waits in its order until there is room.
void DiskGate::submit(storage::LogBatch bytes, std::shared_ptr<Batch> batch, core::Task then) {
  ++in_flight_;
  auto next = std::make_shared<core::Task>(std::move(then));
  store_.append(std::move(bytes), true,
                [this, batch = std::move(batch), next,
                 submitted_ns = core::steady_ns()](const Result<void>& written) {
                  if (!written) return;  // the store ends, and the process with it
                  const bool is_small = !batch->empty() && batch->size() <= kCommitHereMax;
                  core::Task task = [this, batch, next, submitted_ns] {
                    --in_flight_;
                    commit(*batch, submitted_ns);
                    if (*next) (*next)();
                  };
                  // The writer has nothing else to do just now: else there would have been more in
                  // one write.
                  is_small ? core_.post_and_run(std::move(task)) : core_.post(std::move(task));
                });
}

void DiskGate::commit(Batch& batch, std::int64_t submitted_ns) {
  if (!batch.empty()) commits_.add(core::steady_ns() - submitted_ns, batch.size());
  for (Appended& one : batch) table_.on_committed(one.shard, one.index, one.record, one.door);
}

// --- state ---

void DiskGate::write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
                     core::Task done) {
  StateStand stand{applied, applied};
  // The parts of a record that isn't whole yet stay in the log.
  const session::LogIndex first = line_.first_part(shard);
  if (first != 0) stand.trim_to = std::min(applied, first - 1);
  states_.write(shard, stand, std::move(changes), std::move(done));
}

void DiskGate::write_state(ShardId shard, const StateStand& stand, storage::StateBatch batch,
                           storage::Store::Done done) {
  store_.write_state(shard, stand.applied, stand.trim_to, std::move(batch), std::move(done));
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
