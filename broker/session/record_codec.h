// SPDX-License-Identifier: Apache-2.0
// Log records as bytes: one byte RecordType, then the record's fields packed (packed.h), then
// nothing. A later version adds types, or fields at the end that it reads only where bytes are
// left; a version that doesn't know them refuses the record and says of which type it is.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/result.h"
#include "broker/session/pieced_bytes.h"
#include "broker/session/record.h"

namespace roost::session {

// The first byte of a record. Stands on disks: numbers are added, never changed or used again.
enum class RecordType : std::uint8_t {
  started = 1,
  tick = 2,
  published = 3,
  assigned = 4,
  gathered = 5,
  retained = 6,
  attached = 7,
  detached = 8,
  ended = 9,
  will_fired = 10,
  subscribed = 11,
  unsubscribed = 12,
  acked = 13,
  received = 14,
  released = 15,
  forwarded = 16,
  part = 17,  // of a large record: record_parts.h
  told = 18,
};

RecordType type_of(const Record& record);
// "published"; null for a type that this version doesn't know.
const char* name_of(RecordType type);

// False: the bytes are a later version's record, which mustn't be left out.
bool knows_record(ByteView bytes);

// Appends to `out`. Shard time = steady time of this process + `shard_offset_ms`: messages have
// steady time in memory and shard time in their bytes; the records' own times are shard time.
// Requires: messages are not null (a will may be absent); texts up to 65 535 bytes.
void encode_record(const Record& record, SteadyMs shard_offset_ms, std::vector<std::uint8_t>& out);
// The same; large payloads stay where they are, in the record's messages.
void encode_record(const Record& record, SteadyMs shard_offset_ms, PiecedBytes& out);

// Errors: corrupt, naming the type: cut off, bytes behind its end, a type or value that this
// version doesn't know, a part (to be joined first). Texts are checked for their length only.
Result<Record> decode_record(ByteView bytes, SteadyMs shard_offset_ms);

}  // namespace roost::session
