// SPDX-License-Identifier: Apache-2.0
#include "tests/support/memory_disk.h"

#include <stdexcept>

#include "broker/session/record_codec.h"

namespace roost::support {

void MemoryDisk::append(ShardId shard, session::Record record, session::Door* door) {
  const session::LogIndex index = ++remains_.shards[shard.value].last;
  ++appended_;
  ++kinds_[record.index()];
  waiting_.push_back({shard, index, std::move(record), door});
  core_.at_turn_end(*this);
}

void MemoryDisk::on_turn_end() {
  if (!held_ && !waiting_.empty()) core_.post([this] { commit_all(); });
}

void MemoryDisk::let_go() {
  held_ = false;
  core_.post([this] { commit_all(); });
}

// What applying appends waits for another turn.
void MemoryDisk::commit_all() {
  if (held_) return;
  for (Appended& one : std::exchange(waiting_, {})) {
    if (!table_.leads(one.shard)) {
      table_.on_dropped(one.shard, one.record, one.door);
      continue;
    }
    const std::int64_t offset_ms = table_.shard(one.shard).offset_ms();
    std::vector<std::uint8_t> bytes;
    session::encode_record(one.record, offset_ms, bytes);
    auto decoded = session::decode_record(bytes, offset_ms);
    if (!decoded) throw std::logic_error(decoded.error().message);
    remains_.shards[one.shard.value].log.emplace_back(one.index, std::move(bytes));
    table_.on_committed(one.shard, one.index, one.record, one.door);
  }
}

void MemoryDisk::bring(ShardId id, const session::Record& record) {
  Remains::Shard& shard = remains_.shards[id.value];
  std::vector<std::uint8_t> bytes;
  session::encode_record(record, table_.shard(id).offset_ms(), bytes);
  shard.log.emplace_back(++shard.last, std::move(bytes));
  table_.on_committed(id, shard.last, record, nullptr);
}

void MemoryDisk::write(ShardId id, session::LogIndex applied, session::StateChanges changes,
                       core::Task done) {
  Remains::Shard& shard = remains_.shards[id.value];
  const bool has_bodies = !changes.bodies.empty();
  for (session::BodySplitter& body : changes.bodies) {
    session::StateChanges ahead;
    while (!body.done()) body.next(ahead);
    write_down(shard, ahead);
  }
  if (only_ahead_ && has_bodies) return;
  write_down(shard, changes);
  shard.applied = applied;
  if (!remains_.keeps_log) {
    std::erase_if(shard.log, [&](const auto& record) { return record.first <= applied; });
  }
  core_.post(std::move(done));
}

void MemoryDisk::write_down(Remains::Shard& shard, session::StateChanges& changes) {
  for (session::StateChanges::Change& one : changes.changes) {
    if (!one.end.empty()) {
      shard.state.erase(shard.state.lower_bound(one.key), shard.state.lower_bound(one.end));
    } else if (one.value) {
      shard.state[one.key] = std::move(*one.value);
    } else {
      shard.state.erase(one.key);
    }
  }
}

void MemoryDisk::read(ShardId id, Job job) {
  core_.post([this, id, job = std::move(job)] {
    const RemainsReader reader(remains_.shards[id.value]);
    core_.post(job(reader));
    values_read_ += reader.values_read();
  });
}

std::optional<std::string> RemainsReader::get(std::string_view key) const {
  const auto at = shard_.state.find(std::string(key));
  if (at == shard_.state.end()) return std::nullopt;
  ++values_read_;
  return std::string(as_text(at->second));
}

void RemainsReader::scan(std::string_view from, std::string_view to,
                         const std::function<bool(std::string_view, ByteView)>& visit) const {
  auto at = shard_.state.lower_bound(std::string(from));
  const auto end = to.empty() ? shard_.state.end() : shard_.state.lower_bound(std::string(to));
  for (; at != end; ++at) {
    ++values_read_;
    if (!visit(at->first, at->second)) return;
  }
}

}  // namespace roost::support
