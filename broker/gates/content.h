// SPDX-License-Identifier: Apache-2.0
// Whether a shard on disk has anything of somebody's: sessions, messages, retained ones. A node
// that only ran leaves records of when it started and what time it was, and no more.
// Thread: any; blocks for the disk. Before anything is appended.
#pragma once

#include "broker/base/ids.h"
#include "storage/store.h"

namespace roost::gates {

// True where it can't be told: what isn't read, or isn't known to this version, may be content. A
// session that ended since the last checkpoint still counts.
bool has_content(const storage::StoreReading& store, ShardId shard);

}  // namespace roost::gates
