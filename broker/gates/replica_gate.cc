// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/replica_gate.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/core/load.h"
#include "broker/session/record_codec.h"
#include "broker/session/shard_start.h"

namespace roost::gates {

using cluster::replication::RecordBuffer;

ReplicaGate::ReplicaGate(storage::Store& store, core::Core& core, session::SessionTable& table,
                         const session::StartedRecord& limits, const Clock& clock, Log& log)
    : store_(store),
      core_(core),
      table_(table),
      limits_(limits),
      clock_(clock),
      log_(log),
      line_(core, table, *this, cluster::ShardHosts::kRecordBytesMax),
      states_(core, *this),
      shards_(table.router().shard_count()) {}

ReplicaGate::~ReplicaGate() = default;

void ReplicaGate::start() { core_.timers().arm(*this, core_.now_ms()); }

void ReplicaGate::on_timer() {
  hosts_->tick(core_.now_ms());
  // All cores at one time: what goes to one node may go together.
  core_.timers().arm(*this, (core_.now_ms() / kTickMs + 1) * kTickMs);
}

bool ReplicaGate::is_idle() const {
  return line_.is_idle() && waiting_.empty() && leaderless_.empty() &&
         std::all_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return shard.proposed.empty(); });
}

bool ReplicaGate::is_loading() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const Shard& shard) { return shard.load != 0; });
}

// Asked for each read of a client: only where something is under way there can be too much of it.
bool ReplicaGate::is_congested() const {
  for (std::uint16_t id = 0; id < shards_.size(); ++id) {
    const Shard& shard = shards_[id];
    if (!shard.proposed.empty() && shard.is_led && !hosts_->can_propose(ShardId{id})) return true;
  }
  return false;
}

// --- to the log ---

void ReplicaGate::append(ShardId shard, session::Record record, session::Door* door) {
  if (shards_[shard.value].is_led) return line_.append(shard, std::move(record), door);
  leaderless_.push_back({shard, 0, std::move(record), door});
  core_.at_turn_end(*this);
}

void ReplicaGate::on_turn_end() {
  for (Appended& one : std::exchange(leaderless_, {})) drop(one);
  if (std::exchange(has_proposed_, false)) hosts_->turn(core_.now_ms());
}

void ReplicaGate::drop(Appended& one) {
  counters_.dropped.add();
  table_.on_dropped(one.shard, one.record, one.door);
}

void ReplicaGate::put(Appended one, ByteView bytes) {
  const std::size_t begin = turn_bytes_.size();
  turn_bytes_.insert(turn_bytes_.end(), bytes.begin(), bytes.end());
  waiting_.push_back({std::move(one), begin, turn_bytes_.size()});
  if (turn_bytes_.size() >= kTurnBytes) flush();
}

// All records of a turn lie in one buffer.
void ReplicaGate::flush() {
  if (waiting_.empty()) return;
  auto* const buffer = new RecordBuffer(std::exchange(turn_bytes_, {}));
  const auto owner = SharedPtr<SharedBlock>::adopt(buffer);
  for (Waiting& one : std::exchange(waiting_, {})) {
    const ShardId shard = one.record.shard;
    const Position position =
        hosts_->propose(shard, owner, buffer->bytes().subspan(one.begin, one.end - one.begin));
    shards_[shard.value].proposed.push_back({position, false, std::move(one.record), turn_ns()});
  }
  has_proposed_ = true;
  core_.at_turn_end(*this);
}

session::LogIndex ReplicaGate::put_part(ShardId shard, std::vector<std::uint8_t> part,
                                        std::optional<Appended> whole) {
  auto* const buffer = new RecordBuffer(std::move(part));
  const auto owner = SharedPtr<SharedBlock>::adopt(buffer);
  const Position position = hosts_->propose(shard, owner, buffer->bytes());
  shards_[shard.value].proposed.push_back({position, true, std::move(whole), turn_ns()});
  has_proposed_ = true;
  core_.at_turn_end(*this);
  return position.index;
}

// Read once a turn, for all records of it.
std::int64_t ReplicaGate::turn_ns() {
  const std::uint64_t turn = core_.counters().turns.value() + 1;
  if (std::exchange(turn_, turn) != turn) turn_ns_ = core::steady_ns();
  return turn_ns_;
}

// --- from the log ---

void ReplicaGate::on_committed(ShardId shard, const LogRecord& record) {
  Shard& here = shards_[shard.value];
  if (here.load != 0) {
    here.events.push_back({Event::Kind::committed, record, 0});
  } else {
    apply(shard, record);
  }
}

void ReplicaGate::apply(ShardId shard, const LogRecord& record) {
  if (take_proposed(shard, record)) return;
  const session::LogIndex index = record.position.index;
  if (!session::is_part(record.bytes)) return apply_bytes(shard, index, record.bytes);
  const auto whole = join(shards_[shard.value], index, record.bytes);
  if (!whole) return note_unreadable(shard, whole.error());
  if (*whole) apply_bytes(shard, index, **whole);
}

// What was proposed here needn't be decoded.
bool ReplicaGate::take_proposed(ShardId shard, const LogRecord& record) {
  Shard& here = shards_[shard.value];
  if (here.proposed.empty() || here.proposed.front().position != record.position) return false;
  Proposed one = std::move(here.proposed.front());
  here.proposed.pop_front();
  if (here.stored > 0) --here.stored;
  if (one.is_part) {
    if (one.record) {
      end_joining(here);
    } else {
      static_cast<void>(join(here, record.position.index, record.bytes));
    }
    line_.part_done(shard, one.record.has_value());
  }
  if (!one.record) return true;
  counters_.applied.add();
  commits_.add(turn_ns() - one.at_ns);
  table_.on_committed(shard, record.position.index, one.record->record, one.record->door);
  return true;
}

ReplicaGate::Joined ReplicaGate::join(Shard& shard, session::LogIndex index, ByteView part) {
  auto whole = shard.joiner.add(part);
  if (!shard.joiner.unfinished()) {
    shard.joining_from = 0;
  } else if (shard.joiner.collected() <= part.size()) {
    shard.joining_from = index;  // it begins a record, maybe in place of an unfinished one
  }
  return whole;
}

void ReplicaGate::end_joining(Shard& shard) {
  shard.joiner.drop();
  shard.joining_from = 0;
}

void ReplicaGate::apply_bytes(ShardId shard, session::LogIndex index, ByteView bytes) {
  if (!session::knows_record(bytes)) {
    return on_unknown_("shard " + std::to_string(shard.value) + ": the committed record " +
                       std::to_string(index) + " is of type " + std::to_string(bytes[0]) +
                       ", which this version doesn't know: a newer one is needed");
  }
  const auto record = session::decode_record(bytes, table_.shard(shard).offset_ms());
  if (!record) return note_unreadable(shard, record.error());
  counters_.applied.add();
  if (std::holds_alternative<session::StartedRecord>(*record)) end_joining(shards_[shard.value]);
  table_.on_committed(shard, index, *record, nullptr);
}

void ReplicaGate::note_unreadable(ShardId shard, const Error& fault) {
  counters_.unreadable.add();
  log_.write(LogLevel::error,
             "shard " + std::to_string(shard.value) +
                 ": a committed record can't be read and is left out: " + fault.message);
}

// --- whose shard it is ---

void ReplicaGate::on_leading(ShardId shard, cluster::replication::Epoch epoch) {
  Shard& here = shards_[shard.value];
  if (here.load != 0) {
    here.events.push_back({Event::Kind::leading, {}, epoch});
  } else {
    lead(shard, epoch);
  }
}

void ReplicaGate::lead(ShardId shard, std::uint64_t epoch) {
  Shard& here = shards_[shard.value];
  here.epoch = epoch;
  here.is_led = true;
  end_joining(here);
  table_.lead(shard, limits_);
}

void ReplicaGate::on_synced(ShardId shard, cluster::replication::LogIndex index) {
  Shard& here = shards_[shard.value];
  for (; here.stored < here.proposed.size(); ++here.stored) {
    const Proposed& one = here.proposed[here.stored];
    if (one.position.index == 0 || one.position.index > index) return;
    session::Door* const door = one.record ? one.record->door : nullptr;
    if (door == nullptr || !door->stored || door->is_broken || --door->unstored > 0) continue;
    core::Task stored = std::move(door->stored);
    door->stored = {};
    stored();
  }
}

void ReplicaGate::on_following(ShardId shard) {
  Shard& here = shards_[shard.value];
  if (here.load != 0) {
    here.events.push_back({Event::Kind::following, {}, 0});
  } else {
    follow(shard);
  }
}

// Sessions end first, then what they and others had appended is dropped.
void ReplicaGate::follow(ShardId shard) {
  Shard& here = shards_[shard.value];
  if (!here.is_led) return;
  table_.follow(shard);
  here.is_led = false;
  here.stored = 0;
  std::vector<Appended> dropped;
  for (Proposed& one : std::exchange(here.proposed, {})) {
    if (one.record) dropped.push_back(std::move(*one.record));
  }
  for (Waiting& one : waiting_) {
    if (one.record.shard == shard) dropped.push_back(std::move(one.record));
  }
  std::erase_if(waiting_, [&](const Waiting& one) { return one.record.shard == shard; });
  for (Appended& one : line_.drop(shard)) dropped.push_back(std::move(one));
  for (Appended& one : dropped) drop(one);
}

// --- loading ---

void ReplicaGate::load(ShardId shard) {
  Shard& here = shards_[shard.value];
  here.load = ++last_load_;
  const session::LogIndex applied = hosts_->loaded(shard);
  states_.begin(shard, applied);
  hosts_->replay(shard, [&](session::LogIndex index, ByteView bytes) {
    // Of a record that is in the state the first parts may be trimmed.
    if (session::is_part(bytes)) static_cast<void>(join(here, index, bytes));
    if (bytes[0] == static_cast<std::uint8_t>(session::RecordType::started)) end_joining(here);
  });
  store_.read([this, shard, load = here.load, applied](const storage::StateView& view) {
    auto state = std::make_shared<std::unique_ptr<session::ShardState>>(
        std::make_unique<session::ShardState>(shard, table_));
    session::load_shard(
        **state, ShardReader(view, shard), applied, [](const session::LogVisit&) {}, clock_);
    core_.post([this, shard, load, state] { loaded(shard, load, std::move(*state)); });
  });
}

void ReplicaGate::loaded(ShardId shard, std::uint64_t load,
                         std::unique_ptr<session::ShardState> state) {
  Shard& here = shards_[shard.value];
  if (here.load != load) return;  // replaced meanwhile
  here.load = 0;
  counters_.loads.add();
  table_.adopt(std::move(state));
  for (Event& event : std::exchange(here.events, {})) {
    switch (event.kind) {
      case Event::Kind::committed:
        apply(shard, event.record);
        break;
      case Event::Kind::leading:
        lead(shard, event.epoch);
        break;
      case Event::Kind::following:
        follow(shard);
        break;
    }
  }
}

void ReplicaGate::forget(ShardId shard) {
  follow(shard);
  shards_[shard.value] = {};
  states_.begin(shard, 0);
  table_.forget(shard);
}

void ReplicaGate::on_replaced(ShardId shard) {
  forget(shard);
  load(shard);
}

void ReplicaGate::on_dropped(ShardId shard) { forget(shard); }

// --- state ---

// The parts of a record that isn't whole yet stay in the log, whoever leads.
void ReplicaGate::write(ShardId shard, session::LogIndex applied, session::StateChanges changes,
                        core::Task done) {
  StateStand stand{applied, applied};
  for (const session::LogIndex first :
       {line_.first_part(shard), shards_[shard.value].joining_from}) {
    if (first != 0) stand.trim_to = std::min(stand.trim_to, first - 1);
  }
  states_.write(shard, stand, std::move(changes), std::move(done));
}

void ReplicaGate::write_state(ShardId shard, const StateStand& stand, storage::StateBatch batch,
                              storage::Store::Done done) {
  hosts_->write_state(shard, stand.applied, stand.trim_to + 1, std::move(batch), std::move(done));
}

}  // namespace roost::gates
