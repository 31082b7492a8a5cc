// SPDX-License-Identifier: Apache-2.0
#include "storage/state_view.h"

#include "storage/keys.h"

namespace roost::storage {

void DamageReport::met(std::string_view what) {
  const std::lock_guard lock(mutex);
  counters.damaged_reads.add();
  if (said) return;
  said = true;
  log.write(LogLevel::error, "storage: the state has a damaged page: " + std::string(what) +
                                 "; it is left out, the next start puts the file aside");
}

DatabaseView::DatabaseView(Database& database, DamageReport& damage)
    : database_(database), damage_(damage), snapshot_(database.db().GetSnapshot()) {}

DatabaseView::~DatabaseView() { database_.db().ReleaseSnapshot(snapshot_); }

Result<std::optional<std::string>> DatabaseView::get(ShardId shard, std::string_view key) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  std::string value;
  const rocksdb::Status status =
      database_.db().Get(options, database_.state(), state_key(shard, key), &value);
  if (status.ok()) return std::optional(std::move(value));
  if (status.IsNotFound()) return std::optional<std::string>();
  if (status.IsCorruption()) damage_.met(status.ToString());
  return as_error(status, "the state can't be read");
}

Result<void> DatabaseView::scan(
    ShardId shard, std::string_view from, std::string_view to,
    const std::function<bool(std::string_view key, ByteView value)>& visit) const {
  const std::string first = state_key(shard, from), end = state_end(shard, to);
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> at(
      database_.db().NewIterator(options, database_.state()));
  for (at->Seek(first); at->Valid(); at->Next()) {
    if (!visit(as_text(at->key()).substr(kStatePrefixSize), as_bytes(as_text(at->value())))) break;
  }
  if (at->status().ok()) return {};
  if (at->status().IsCorruption()) damage_.met(at->status().ToString());
  return as_error(at->status(), "the state can't be read");
}

}  // namespace roost::storage
