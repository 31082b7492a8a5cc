// SPDX-License-Identifier: Apache-2.0
// The body of a stored message on its way to disk: in parts, ahead of the changes that name it, so
// that no turn and no write gets long. Until those are written a mark says that it may be nobody's.
// Thread: core-bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "broker/base/clock.h"
#include "broker/routing/message.h"
#include "broker/session/pieced_bytes.h"
#include "broker/session/record.h"

namespace roost::session {

struct StateChanges;

class BodySplitter {
 public:
  BodySplitter(LogIndex index, routing::MessagePtr message, SteadyMs shard_offset_ms)
      : index_(index), message_(std::move(message)), shard_offset_ms_(shard_offset_ms) {}

  // Adds the next part. Requires: !done().
  void next(StateChanges& out);
  bool done() const { return is_begun_ && offset_ == body_.size(); }

 private:
  LogIndex index_;
  routing::MessagePtr message_;
  SteadyMs shard_offset_ms_;
  PiecedBytes body_;  // from the first part on
  bool is_begun_ = false;
  std::size_t offset_ = 0;
  std::uint16_t part_ = 0;
};

}  // namespace roost::session
