// SPDX-License-Identifier: Apache-2.0
// The limits of replication, of one shard unless said otherwise.
// Thread: immutable (values).
#pragma once

#include <cstddef>
#include <cstdint>

namespace roost::cluster::replication {

struct Settings {
  // All shards of a node say so at the same moments, multiples of these: what goes to one member is
  // one chunk then. Idle: the member has everything and knows that it is committed. Interest leases
  // want a confirmation that is younger than a second minus the time between two questions.
  std::int64_t heartbeat_ms = 100;
  std::int64_t idle_heartbeat_ms = 300;
  std::int64_t quiet_heartbeat_ms = 600;  // idle, and nobody asks for confirmations: set_quiet()
  std::int64_t retry_ms = 200;  // of what got no answer: Fence, Append, BeginImport, reads, Txns
  // Of Appends to a member that hasn't answered anything later either: it is slow, and sending it
  // everything again would make it slower.
  std::int64_t slow_retry_ms = 2000;
  std::int64_t shrink_ms = 1500;     // a member that hasn't had everything for so long leaves. R5
  std::int64_t grow_ms = 1000;       // so long in sync before it comes back; doubled each time that
  std::int64_t grow_ms_max = 30000;  // it left soon after it came. R5
  std::int64_t import_ms = 60000;    // without progress: an import is begun anew
  std::int64_t pause_ms = 700;       // between two ticks: this process stood still, not the others
  std::size_t in_flight_records_max = 4096;  // sent to a member and not appended there
  std::size_t in_flight_bytes_max = 4 << 20;
  std::size_t append_records_max = 1024;  // of one message
  std::size_t append_bytes_max = 512 << 10;
  std::size_t tail_records_max = 8192;  // in memory, for members that are behind and for checksums
  std::size_t tail_bytes_max = 4 << 20;
  std::size_t pending_records_max = 16384;  // proposed and not committed: can_propose() says no
  std::size_t pending_bytes_max = 16 << 20;
  std::uint32_t min_in_sync = 2;  // what min_in_sync becomes when a second replica is in sync
};

}  // namespace roost::cluster::replication
