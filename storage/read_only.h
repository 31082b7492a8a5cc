// SPDX-License-Identifier: Apache-2.0
// A stopped store's directory, or a copy of one, as it is: nothing is written, cut, repaired or
// locked. What the next Store::open() would do about damage is said in the log.
// Thread: any thread.
// Owner: a tool.
#pragma once

#include <memory>
#include <string>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "storage/counters.h"
#include "storage/store.h"

namespace roost::storage {

class ReadOnlyStore : public StoreReading {
 public:
  // `log` must outlive it. Errors: not_found (no store is there), already_exists (a process has it;
  // its pid is named), invalid_argument (a newer format; both versions named), corrupt (the list of
  // files is lost: only opening it as a store makes a new one), io.
  static Result<std::unique_ptr<ReadOnlyStore>> open(const std::string& path, Log& log);

  virtual int format() const = 0;
  virtual bool is_copy() const = 0;                   // nobody opened it yet
  virtual const std::string& uuid() const = 0;        // empty: none yet
  virtual LogIndex trimmed(ShardId shard) const = 0;  // records up to here are gone from the log
  virtual const StoreCounters& counters() const = 0;  // of damage that was met
};

}  // namespace roost::storage
