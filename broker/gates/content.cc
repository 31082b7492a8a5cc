// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/content.h"

#include "broker/session/record_codec.h"
#include "broker/session/state_key.h"

namespace roost::gates {

namespace {

using session::RecordType;
using session::StateKind;

bool is_bookkeeping(StateKind kind) {
  switch (kind) {
    case StateKind::seen:
    case StateKind::seen_from:
    case StateKind::erasure:
    case StateKind::sweep:
    case StateKind::clock:
    case StateKind::limits:
    case StateKind::next_session:
    case StateKind::body_ahead:
    case StateKind::form_version:
      return true;
    default:
      return false;
  }
}

bool is_bookkeeping(ByteView record) {
  if (record.empty()) return false;
  const auto type = static_cast<RecordType>(record[0]);
  return type == RecordType::started || type == RecordType::tick || type == RecordType::forwarded;
}

}  // namespace

bool has_content(const storage::StoreReading& store, ShardId shard) {
  bool is_found = false;
  const auto state = store.view()->scan(shard, {}, {}, [&](std::string_view key, ByteView) {
    const auto parsed = session::parse_state_key(key);
    is_found = !parsed || !is_bookkeeping(parsed->kind);
    return !is_found;
  });
  if (is_found || !state) return true;
  const auto log = store.replay(shard, store.applied(shard),
                                [&](std::uint64_t, storage::LogIndex, ByteView record) {
                                  if (!is_bookkeeping(record)) is_found = true;
                                });
  return is_found || !log;
}

}  // namespace roost::gates
