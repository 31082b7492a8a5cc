// SPDX-License-Identifier: Apache-2.0
// One entry of a queue from disk, with its body wherever that stands.
// Thread: any thread (pure).
#pragma once

#include <optional>

#include "broker/session/shard_log.h"
#include "broker/session/stored.h"

namespace roost::session {

// None: it, or its body, can't be read.
std::optional<StoredEntry> read_entry(const StateReader& reader, ByteView value,
                                      std::int64_t offset_ms);

}  // namespace roost::session
