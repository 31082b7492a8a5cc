// SPDX-License-Identifier: Apache-2.0
// What one store counts.
// Thread: written by the store's threads (each counter by one, or under one lock), read by any.
#pragma once

#include "broker/base/counter.h"
#include "broker/base/duration_counts.h"

namespace roost::storage {

struct StoreCounters {
  // The log writer.
  Counter appended_records, appended_bytes;  // acknowledged; bytes of records, without keys
  Counter syncs, sync_ns, sync_ns_max;       // one a write batch
  Counter batch_records_max, batch_bytes_max;
  Counter refused_for_space;  // batches that were answered with resource_exhausted
  Counter trimmed_records;    // indexes that the log gave up
  Counter pending_bytes;      // appended and not written: now
  Counter untrimmed_bytes;    // of records written since the last trim: flush_state() is due when
                              // this comes near write_buffer_bytes
  Counter full_stops;         // the disk was really full: the reserve file was given up

  // The state's threads.
  Counter state_batches, state_bytes;
  Counter state_flushes, state_flush_ns;

  // What was found bad.
  Counter tail_bytes_cut;    // of a write that never ended; nothing acknowledged
  Counter damaged_files;     // put aside under damaged/
  Counter damaged_records;   // log records that fail their checksum, or are missing in a sequence
  Counter salvaged_records;  // taken out of damaged files
  Counter damaged_reads;     // of the state that met a damaged page

  // Everything that went to files of the database: write-ahead log, tables. Of the tables: those
  // of the log, of the state, and what compactions wrote again.
  Counter wal_bytes, table_bytes, log_table_bytes, state_table_bytes, compaction_bytes;

  DurationCounts sync_durations;  // of sync_ns
};

}  // namespace roost::storage
