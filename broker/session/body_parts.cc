// SPDX-License-Identifier: Apache-2.0
#include "broker/session/body_parts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "broker/session/shard_log.h"
#include "broker/session/state_codec.h"
#include "broker/session/state_key.h"

namespace roost::session {

void BodySplitter::next(StateChanges& out) {
  CHECK(!done());
  if (!std::exchange(is_begun_, true)) {
    encode_message(message_, shard_offset_ms_, body_);
    out.put(state_key(StateKind::body_ahead, index_), {});
  }
  std::vector<std::uint8_t> bytes;
  const std::size_t size = std::min(kBodyPartMax, body_.size() - offset_);
  bytes.reserve(size);
  body_.copy(offset_, size, bytes);
  offset_ += size;
  out.put(body_key(index_, part_++), std::move(bytes));
}

}  // namespace roost::session
