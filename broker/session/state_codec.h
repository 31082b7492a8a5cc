// SPDX-License-Identifier: Apache-2.0
// The values of a shard's state as bytes, packed as records are (packed.h); their keys:
// state_key.h. Shard time = steady time of this process + `shard_offset_ms`: messages have steady
// time in memory and shard time in their bytes; all other times are shard time.
// Thread: any thread (pure).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/result.h"
#include "broker/session/pieced_bytes.h"
#include "broker/session/stored.h"

namespace roost::session {

// Raised when a key or value of old gets another meaning. Fields at the end of a value and further
// kinds of keys need no new one: who doesn't know them refuses that value.
inline constexpr std::uint64_t kStateFormVersion = 1;

using StoredFilters = std::vector<StoredFilter>;

// A message (retained, or still to be forwarded), here or under a log index as its body.
struct StoredBody {
  LogIndex index = 0;           // of the record that brought it
  routing::MessagePtr message;  // null: the body is elsewhere
};

// What time it was when the state was written.
struct StoredClock {
  ShardMs now_ms = 0;
  WallMs wall_ms = 0;
};

// Sequences [first, end) of an ended session whose entries are still there.
struct StoredSweep {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

// --- values ---

// Append to `out`.
void encode_value(const StoredHeader& header, std::vector<std::uint8_t>& out);
void encode_value(const StoredFilters& filters, std::vector<std::uint8_t>& out);
void encode_value(const StoredClock& clock, std::vector<std::uint8_t>& out);
void encode_value(const StoredSweep& sweep, std::vector<std::uint8_t>& out);
void encode_value(const StoredSeen& seen, std::vector<std::uint8_t>& out);
void encode_value(const StoredSeenFrom& seen, std::vector<std::uint8_t>& out);
void encode_value(const StoredGroup& group, std::vector<std::uint8_t>& out);
// Requires: a will has its message.
void encode_value(const StoredWill& will, SteadyMs shard_offset_ms, std::vector<std::uint8_t>& out);
void encode_value(const StoredEntry& entry, SteadyMs shard_offset_ms,
                  std::vector<std::uint8_t>& out);
void encode_value(const StoredBody& body, SteadyMs shard_offset_ms, std::vector<std::uint8_t>& out);
// The limits only, without the times.
void encode_limits(const StartedRecord& limits, std::vector<std::uint8_t>& out);
// Reference counts, log indices, session numbers, the form's version.
void encode_number(std::uint64_t number, std::vector<std::uint8_t>& out);

// Errors of all: corrupt: cut off, bytes behind its end, a value that this version doesn't know.
Result<StoredHeader> decode_header(ByteView bytes);
Result<StoredFilters> decode_filters(ByteView bytes);
Result<StoredClock> decode_clock(ByteView bytes);
Result<StoredSweep> decode_sweep(ByteView bytes);
Result<StoredSeen> decode_seen(ByteView bytes);
Result<StoredSeenFrom> decode_seen_from(ByteView bytes);
Result<StoredGroup> decode_group(ByteView bytes);
Result<StoredWill> decode_will(ByteView bytes, SteadyMs shard_offset_ms);
Result<StoredEntry> decode_entry(ByteView bytes, SteadyMs shard_offset_ms);
Result<StoredBody> decode_body(ByteView bytes, SteadyMs shard_offset_ms);
Result<StartedRecord> decode_limits(ByteView bytes);  // times 0
Result<std::uint64_t> decode_number(ByteView bytes);
Result<std::uint32_t> decode_reference_count(ByteView bytes);
// Errors also: invalid_argument: another version than kStateFormVersion; names both.
Result<void> check_form_version(ByteView bytes);

// --- bodies ---

// A larger one stands by itself even if one session only wants it: pages of a queue stay small.
inline constexpr std::size_t kInlineBodyMax = std::size_t{64} << 10;
inline constexpr std::size_t kBodyPartMax = std::size_t{1} << 20;  // bytes of one value

// A message by itself. Requires: not null. Its bytes are stored in parts of kBodyPartMax, the last
// one shorter, each under its body_key (body_parts.h).
void encode_message(const routing::MessagePtr& message, SteadyMs shard_offset_ms,
                    std::vector<std::uint8_t>& out);
void encode_message(const routing::MessagePtr& message, SteadyMs shard_offset_ms, PiecedBytes& out);

// Takes a body's parts as a scan of its keys gives them.
class BodyJoiner {
 public:
  // Errors: corrupt: a part is missing before this one, or it has a size that can't be.
  Result<void> add(std::uint16_t part, ByteView bytes);
  // The message; begins anew. Errors: corrupt: as decode, or parts are missing.
  Result<routing::MessagePtr> finish(SteadyMs shard_offset_ms);

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t parts_ = 0;
};

}  // namespace roost::session
