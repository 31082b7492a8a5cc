// SPDX-License-Identifier: Apache-2.0
// Reads RocksDB's write-ahead logs before RocksDB does: tells a write that never ended (its tail is
// cut, nothing in it was acknowledged) from damage (what follows shows that it had been synced),
// and takes every intact record out of a damaged file: RocksDB drops the whole batch and the rest
// of its 32 KB block. The format is RocksDB's log_format.h: blocks of fragments with a checksum
// each. Thread: one at a time.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"

namespace roost::storage {

struct WalReport {
  std::string name;                                          // without its folder
  std::uint64_t number = 0;                                  // RocksDB's
  std::uint64_t tail_bytes = 0;                              // of a write that never ended
  std::uint64_t damaged_bytes = 0;                           // that stood between synced ones
  std::uint64_t damaged_at = 0;                              // where the first of them is
  std::vector<std::pair<std::string, std::string>> records;  // of a damaged file: those intact
};

// Of every log in RocksDB's folder, oldest first; a folder that isn't there has none.
Result<std::vector<WalReport>> check_wals(rocksdb::FileSystem& files, const std::string& folder);

// One log's bytes. `is_last`: no later log holds a batch.
WalReport check_wal(std::string_view bytes, bool is_last);

}  // namespace roost::storage
