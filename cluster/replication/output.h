// SPDX-License-Identifier: Apache-2.0
// What one replica of a shard is started from, and what it wants done: the host drains it and does
// everything in it. Nothing here waits for anything else here: what needs the disk first (an Ack,
// a Fenced, an ImportReady, a commit) is handed out only after on_synced() said so.
// Thread: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/coordinator.h"
#include "cluster/replication/message.h"
#include "cluster/shard_record.h"

namespace roost::cluster::replication {

// What is kept beside the log, rewritten as a whole when one of it changes.
struct Meta {
  Epoch fenced = 0;           // the highest epoch heard of; lower ones are refused. R1
  std::uint64_t lineage = 0;  // of log and state; 0: neither has anything
  bool is_importing = false;  // log and state are not to be trusted, nor to be elected for
  std::uint64_t import = 0;   // number of the import that was begun last
  ShardRecord record;         // with the highest counter ever seen

  friend bool operator==(const Meta&, const Meta&) = default;
};

// What the disk holds when a replica is made. The store vouches that the log has no hole and that
// nothing that was ever reported as synced is missing; a store that can't has a new uuid (R7) and
// says is_importing where it doesn't know what it has.
struct StoredReplica {
  Meta meta;
  EpochTable table;
  LogIndex last = 0;        // all of it is on disk
  LogIndex first_kept = 1;  // last + 1 where nothing is kept
  LogIndex commit = 0;      // kept now and then; at least `applied` is taken
  LogIndex applied = 0;
  // The last kept records in index order up to `last`, or none: spares reads, and lets checksums be
  // compared.
  std::vector<LogRecord> tail;
};

// --- log operations: to be carried out in order, each wholly. A crash keeps those before some
// point at or behind the last on_synced(), which may lie between two records of one AppendOp.

// The epoch table grows by itself: a record of a higher epoch than the last begins a new entry.
struct AppendOp {
  LogRecords records;
};
// Forgets all records behind `last`, and the table's entries that begin there. Never below what was
// applied.
struct CutOp {
  LogIndex last = 0;
};
struct MetaOp {
  Meta meta;
};
// The mark (meta.is_importing) first, on disk; only then log, table and state are deleted.
struct BeginImportOp {
  Meta meta;
};
// Takes the mark away, after everything that was imported is on disk.
struct EndImportOp {
  Meta meta;
};
struct LogOp {
  std::uint64_t number = 0;  // 1, 2, 3... since the replica was made
  std::variant<AppendOp, CutOp, MetaOp, BeginImportOp, EndImportOp> what;
};

// Records that no memory holds any more, for a member that is behind. Answered with on_log_read(),
// as the log is after all operations handed out before; fewer records than asked for are fine, none
// means that they were trimmed.
struct LogRead {
  std::uint64_t id = 0;
  LogIndex first = 0;
  LogIndex last = 0;
  std::uint64_t bytes_max = 0;  // stop once so many are read; at least one record
};

// Answered with on_txn_result() of the same id.
struct TxnRequest {
  std::uint64_t id = 0;
  Txn txn;
};

// Take a snapshot of the shard at its applied index, with the log from the trim point and the whole
// epoch table, and stream it to that member, whose host ends it with on_imported(). The leader's
// host says on_snapshot_progress() while it goes and on_snapshot_ended() when it is over, well or
// not. Resync
struct SnapshotRequest {
  MemberId to;
  std::uint64_t import = 0;
};

struct Send {
  MemberId to;
  Message message;
};

enum class Role {
  follower,
  fencing,     // leader of a new epoch: asks all members what they have. R4
  confirming,  // its no-op is on the way to the whole ISR. R4
  leader,      // serves
  importing,   // holds nothing that counts
  stopped,     // has seen what must not be; answers nobody
};

enum class Alarm {
  older_record,           // the coordinator shows an older counter than was seen: restored? R3..R5
                          // are refused until it shows a newer one
  commit_beyond_log,      // R4: a member knows a commit behind this new leader's end; resigned
  checksum_differs,       // R1: two records of one (epoch, index); stopped
  cut_below_commit,       // a leader's log contradicts what was committed here; stopped
  tables_contradict,      // R1: one epoch begins at two places; the member is left alone
  member_needs_import,    // a member of the ISR can't be continued; it has to leave the ISR first
  leads_while_importing,  // the record names this replica, which holds nothing
  acknowledged_is_gone    // R7: a member has less than it acknowledged in this epoch
};

struct RaisedAlarm {
  Alarm alarm;
  std::string text;
};

// Vectors are in order within themselves. `log` before `reads`; otherwise no order is needed.
struct Output {
  std::vector<LogOp> log;
  std::vector<Send> sends;
  std::vector<LogRead> reads;
  std::vector<TxnRequest> txns;
  // A linearizable read of this shard's record, answered with on_record_read() of that id.
  std::optional<std::uint64_t> record_read;
  std::vector<SnapshotRequest> snapshots;
  std::vector<RaisedAlarm> alarms;
  bool is_status_changed = false;  // role, epoch: tell the controller soon

  bool empty() const;
  void clear();  // keeps its memory
};

}  // namespace roost::cluster::replication
