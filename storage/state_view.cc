// SPDX-License-Identifier: Apache-2.0
#include "storage/state_view.h"

#include <map>

#include "storage/keys.h"
#include "storage/salvage.h"

namespace roost::storage {

void DamageReport::met(std::string_view what) {
  const std::lock_guard lock(mutex_);
  counters_.damaged_reads.add();
  if (std::exchange(said_, true)) return;
  log_.write(LogLevel::error, "storage: the state has a damaged page: " + std::string(what) +
                                  "; it is passed over, the next start puts the file aside");
  remember_();
}

DatabaseView::DatabaseView(Database& database, DamageReport& damage, bool fills_cache)
    : database_(database),
      damage_(damage),
      fills_cache_(fills_cache),
      snapshot_(database.db().GetSnapshot()) {}

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
  options.fill_cache = fills_cache_;
  options.iterate_upper_bound = &bound;
  const MakeIterator make = [&] {
    return std::unique_ptr<rocksdb::Iterator>(
        database_.db().NewIterator(options, database_.state()));
  };
  const auto it = make();
  std::string last = first;
  for (it->Seek(first); it->Valid(); it->Next()) {
    if (!visit(as_text(it->key()).substr(kStatePrefixSize), as_bytes(as_text(it->value())))) {
      return {};
    }
    last.assign(it->key().data(), it->key().size());
  }
  if (it->status().ok()) return {};
  if (!it->status().IsCorruption()) return as_error(it->status(), "the state can't be read");
  damage_.met(it->status().ToString());
  // The rest comes from behind and from between, so it is put in order before it is shown.
  std::map<std::string, std::string> rest;
  visit_readable(make, {last, end},
                 [&](std::string_view key, std::string_view value) { rest.emplace(key, value); });
  for (const auto& [key, value] : rest) {
    if (!visit(std::string_view(key).substr(kStatePrefixSize), as_bytes(value))) break;
  }
  return {};
}

}  // namespace roost::storage
