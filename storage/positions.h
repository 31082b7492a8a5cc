// SPDX-License-Identifier: Apache-2.0
// Where each shard's log and state stand in a database that was just opened.
// Thread: one at a time.
#pragma once

#include <vector>

#include "storage/database.h"
#include "storage/store.h"

namespace roost::storage {

// By shard number; a shard that isn't there never had anything.
struct Positions {
  std::vector<Position> last;
  std::vector<LogIndex> applied;
  std::vector<LogIndex> trimmed;
};

Result<Positions> read_positions(Database& database);

}  // namespace roost::storage
