// SPDX-License-Identifier: Apache-2.0
#include "broker/session/shard_start.h"

#include <algorithm>

#include "broker/session/record_codec.h"
#include "broker/session/record_parts.h"
#include "broker/session/state_codec.h"
#include "broker/session/state_key.h"

namespace roost::session {

namespace {

// A wall clock that went back, or jumped further than this, says nothing.
constexpr std::int64_t kAwayMaxMs = std::int64_t{10} * 365 * 24 * 3600 * 1000;

void note(const Record& record, StoredClock& clock) {
  if (const auto* tick = std::get_if<TickRecord>(&record)) {
    clock = {std::max(clock.now_ms, tick->now_ms), tick->wall_ms};
  } else if (const auto* started = std::get_if<StartedRecord>(&record)) {
    clock = {std::max(clock.now_ms, started->now_ms), started->wall_ms};
  }
}

// The last time that the shard said, with the wall clock of then.
StoredClock last_time(const StateReader& state, const LogScan& log) {
  StoredClock clock;
  if (const auto value = state.get(state_key(StateKind::clock))) {
    if (const auto stored = decode_clock(as_bytes(*value))) clock = *stored;
  }
  log([&](LogIndex, ByteView bytes) {
    if (bytes.empty()) return;
    const auto type = static_cast<RecordType>(bytes[0]);
    if (type != RecordType::tick && type != RecordType::started) return;
    if (const auto record = decode_record(bytes, 0)) note(*record, clock);
  });
  return clock;
}

ShardMs now_of(const StoredClock& last, WallMs wall_ms) {
  return last.now_ms + away_of(last.wall_ms, wall_ms);
}

}  // namespace

std::int64_t away_of(WallMs said_ms, WallMs now_ms) {
  const std::int64_t away_ms = said_ms == 0 ? 0 : now_ms - said_ms;
  return away_ms > 0 && away_ms <= kAwayMaxMs ? away_ms : 0;
}

void load_shard(ShardState& shard, const StateReader& state, LogIndex applied, const LogScan& log,
                const Clock& clock) {
  const StoredClock last = last_time(state, log);
  shard.set_offset_ms(now_of(last, clock.wall_ms()) - clock.steady_ms(), last.wall_ms != 0);
  shard.load(state, applied);
}

ShardStarted start_shard(SessionTable& table, ShardId id, const StateReader& state,
                         LogIndex applied, const LogScan& log, const Clock& clock) {
  ShardState& shard = table.shard(id);
  load_shard(shard, state, applied, log, clock);
  ShardStarted started;
  RecordJoiner joiner;
  const auto fault = [&](const Error& error) {
    if (started.unreadable++ == 0) started.first_fault = error.message;
  };
  const auto apply = [&](LogIndex index, ByteView bytes) {
    if (index <= applied) return;
    const auto record = decode_record(bytes, shard.offset_ms());
    if (!record) return fault(record.error());
    table.replay(id, index, *record);
    ++started.replayed;
  };
  log([&](LogIndex index, ByteView bytes) {
    if (!is_part(bytes)) return apply(index, bytes);
    const auto whole = joiner.add(bytes);
    // Of a record that is in the state the first parts may be trimmed.
    if (!whole && index > applied) fault(whole.error());
    if (!whole) return;
    if (*whole) apply(index, **whole);
  });
  return started;
}

}  // namespace roost::session
