// SPDX-License-Identifier: Apache-2.0
// What stands on disk of a message: a body by itself, an entry of a queue with its body wherever
// that stands.
// Thread: any thread (pure).
#pragma once

#include <optional>

#include "broker/session/shard_log.h"
#include "broker/session/stored.h"

namespace roost::session {

// The body under a log index; null: it can't be read.
routing::MessagePtr read_body(const StateReader& reader, LogIndex index, std::int64_t offset_ms);

// None: it, or its body, can't be read.
std::optional<StoredEntry> read_entry(const StateReader& reader, ByteView value,
                                      std::int64_t offset_ms);

}  // namespace roost::session
