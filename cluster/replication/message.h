// SPDX-License-Identifier: Apache-2.0
// What the replicas of one shard say to each other. A message may be lost, delayed, sent twice or
// overtaken: none of them does harm when it comes late, or to another incarnation of its receiver.
// What a message promises (fenced, synced) was on disk before it was handed out.
// Thread: immutable (values).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/ids.h"
#include "cluster/replication/log_record.h"
#include "cluster/shard_record.h"

namespace roost::cluster::replication {

// A replica (node and store uuid) as a number: what streams are opened with, so that no message
// carries names. Two replicas of one cluster never share one (64 bits of a hash; a node that finds
// its own number taken refuses to register).
using MemberId = Id<struct MemberTag, std::uint64_t>;
MemberId member_id(const Replica& replica);

// Leader to each member: refuse every lower epoch from now on, and say what you have. R1, R4
struct Fence {
  Epoch epoch = 0;
  std::uint64_t lineage = 0;
  std::uint64_t counter = 0;  // of the record that made it leader
  SteadyMs sent_ms = 0;       // by the leader's clock; comes back in Fenced
};

// Member to leader; the epoch is on disk. Answers a Fence, and an Append that doesn't fit. R4
struct Fenced {
  Epoch epoch = 0;
  std::uint64_t lineage = 0;  // of what the member holds; 0: it holds nothing
  std::vector<EpochTable::Start> table;
  LogIndex last = 0;        // of its log, synced or not
  LogIndex first_kept = 1;  // what is before it was trimmed
  LogIndex commit = 0;      // known to it
  LogIndex applied = 0;
  bool is_importing = false;
  std::uint64_t import_next = 1;  // the number that its next import must have
  SteadyMs sent_ms =
      0;  // of the newest message of the leader seen: older news than known are dropped
};

// Leader to member: records behind `previous`, or none (a heartbeat). R1, R2
struct Append {
  Epoch epoch = 0;
  Position previous;  // of the record before the first of these
  LogIndex commit = 0;
  SteadyMs sent_ms = 0;  // by the leader's clock; comes back in Ack
  LogRecords records;    // may be null
};

// Member to leader: my log is yours up to `appended`, and on disk up to `synced`. R2
struct Ack {
  Epoch epoch = 0;
  LogIndex appended = 0;
  LogIndex synced = 0;
  SteadyMs sent_ms = 0;  // of the newest Append seen: a confirmation of the epoch at that time
};

// To whoever came with an epoch that isn't good here (any more). R1
struct Refused {
  enum class Why { older_epoch, older_counter };
  Why why = Why::older_epoch;
  Epoch epoch = 0;   // that was refused
  Epoch fenced = 0;  // the highest that the sender of this knows
};

// Leader to a member whose log can't be continued: forget the shard's log and state and take mine.
// Resync. Obeyed once: only where `import` is the number that the member expects next.
struct BeginImport {
  Epoch epoch = 0;
  std::uint64_t lineage = 0;
  std::uint64_t import = 0;
  SteadyMs sent_ms = 0;  // as in Fence
};

// Member to leader: the importing mark is on disk, the shard is empty: send the snapshot.
struct ImportReady {
  Epoch epoch = 0;
  std::uint64_t import = 0;
};

using Message = std::variant<Fence, Fenced, Append, Ack, Refused, BeginImport, ImportReady>;

Epoch epoch_of(const Message& message);
// A line for a person: "append 5 after 4/17, 3 records, commit 12".
std::string describe(const Message& message);

}  // namespace roost::cluster::replication
