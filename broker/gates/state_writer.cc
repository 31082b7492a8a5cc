// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/state_writer.h"

#include <utility>

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

void StateWriter::begin(ShardId shard, session::LogIndex applied) {
  Shard& here = shards_[shard.value];
  here.stand = {applied, 0};
  ++here.life;
}

void StateWriter::write(ShardId shard, const StateStand& stand, session::StateChanges changes,
                        core::Task done) {
  auto write = std::make_shared<Write>();
  write->shard = shard;
  write->life = shards_[shard.value].life;
  write->stand = stand;
  write->changes = std::move(changes);
  write->done = std::move(done);
  write_next(write);
}

// Until the last batch, which carries the applied index, the shard's state stays as it was.
void StateWriter::write_next(const WritePtr& write) {
  session::StateChanges ahead;
  std::deque<session::BodySplitter>& bodies = write->changes.bodies;
  while (!bodies.empty() && ahead.bytes < kAheadBytes) {
    bodies.front().next(ahead);
    if (bodies.front().done()) bodies.pop_front();
  }
  write->is_last = ahead.changes.empty();
  write->batch = batch_of(write->is_last ? write->changes : ahead);
  if (write->is_last) {
    shards_[write->shard.value].stand = write->stand;
    write->changes = {};
  }
  write_again(write);
}

void StateWriter::write_again(const WritePtr& write) {
  if (is_void(*write)) return write->done();
  disk_.write_state(write->shard, shards_[write->shard.value].stand,
                    storage::StateBatch(*write->batch), [this, write](const Result<void>& result) {
                      const bool is_written = result.has_value();
                      core_.post([this, write, is_written] { written(write, is_written); });
                    });
}

void StateWriter::written(const WritePtr& write, bool is_written) {
  if (is_void(*write)) return write->done();
  if (!is_written) {
    refused_.push_back(write);
    core_.timers().arm(*this, core_.now_ms() + kRetryMs);
    return;
  }
  if (write->is_last) return write->done();
  write_next(write);
}

void StateWriter::on_timer() {
  for (const WritePtr& write : std::exchange(refused_, {})) write_again(write);
}

std::optional<std::string> ShardReader::get(std::string_view key) const {
  auto value = view_.get(shard_, key);
  return value ? std::move(*value) : std::nullopt;
}

void ShardReader::scan(std::string_view from, std::string_view to,
                       const std::function<bool(std::string_view, ByteView)>& visit) const {
  static_cast<void>(view_.scan(shard_, from, to, visit).has_value());
}

void read_shard(storage::Store& store, core::Core& core, ShardId shard,
                session::ShardDisk::Job job) {
  store.read([&core, shard, job = std::move(job)](const storage::StateView& view) {
    core.post(job(ShardReader(view, shard)));
  });
}

}  // namespace roost::gates
