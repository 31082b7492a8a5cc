// SPDX-License-Identifier: Apache-2.0
// A core's records on their way into its log: those of one turn leave together at its end. A large
// one goes in parts, one part on its way at a time, and small records pass it, those of its own
// shard too unless they belong behind it (session/record_order.h).
// Thread: core-bound.
// Owner: DiskGate or ReplicaGate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "broker/core/core.h"
#include "broker/session/record_order.h"
#include "broker/session/record_parts.h"
#include "broker/session/session_table.h"
#include "broker/session/shard_log.h"

namespace roost::gates {

struct Appended {
  ShardId shard;
  session::LogIndex index = 0;
  session::Record record;
  session::Door* door = nullptr;
};

// Where they go. Called in a turn's end.
class RecordLog {
 public:
  // A record and its bytes, good during the call.
  virtual void put(Appended one, ByteView bytes) = 0;
  // A part of a large one; its last part brings the record. Its place in the log is returned.
  // part_done() says that it is committed.
  virtual session::LogIndex put_part(ShardId shard, std::vector<std::uint8_t> part,
                                     std::optional<Appended> whole) = 0;
  // What was put so far may leave.
  virtual void flush() = 0;

 protected:
  ~RecordLog() = default;
};

class RecordLine final : private core::TurnEnd {
 public:
  // `part_max`: bytes of one entry of the log, up to session::kRecordPartMax.
  RecordLine(core::Core& core, session::SessionTable& table, RecordLog& log, std::size_t part_max);
  ~RecordLine();

  void append(ShardId shard, session::Record record, session::Door* door);
  // The part that was on its way is committed. What follows goes at the turn's end.
  void part_done(ShardId shard, bool is_last);
  // The shard takes no records any more: what of it was not put as a whole comes out.
  std::vector<Appended> drop(ShardId shard);
  bool is_idle() const { return waiting_.empty() && large_.empty(); }
  // The first part of the shard's record that isn't whole in the log yet; 0: there is none.
  session::LogIndex first_part(ShardId shard) const;

 private:
  // A shard's large record on its way, and what has to stay behind it.
  struct Large {
    Appended record;
    std::unique_ptr<session::RecordSplitter> splitter;
    session::LogIndex first = 0;  // of its parts; 0: none was put yet
    session::RecordOrder order;
    std::deque<Appended> behind;
  };

  void on_turn_end() override;
  void add(Appended one);
  void begin_large(Appended one);
  void next_part();

  core::Core& core_;
  session::SessionTable& table_;
  RecordLog& log_;
  const std::size_t part_max_;
  std::deque<Appended> waiting_;  // of this turn
  session::PiecedBytes scratch_;
  std::unordered_map<std::uint16_t, Large> large_;  // by shard
  std::deque<std::uint16_t> turns_;                 // shards whose next part is to go
  std::optional<ShardId> part_of_;                  // whose part is on its way
};

}  // namespace roost::gates
