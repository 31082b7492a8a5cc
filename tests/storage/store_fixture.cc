// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/store_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <utility>

#include "broker/base/check.h"

namespace roost::storage {

namespace {

// Calls `start(done)` and waits for what done was called with.
template <typename Start>
Result<void> wait_for(Start&& start) {
  std::promise<Result<void>> answer;
  start([&answer](Result<void> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}

}  // namespace

StoreFixture::StoreFixture() {
  char name[] = "/tmp/roost-store-XXXXXX";
  folder_ = ::mkdtemp(name);
  options_.path = folder_ + "/data";
  options_.reserve_bytes = 0;
  options_.write_buffer_bytes = 4 << 20;
}

StoreFixture::~StoreFixture() {
  store_.reset();
  std::filesystem::remove_all(folder_);
}

void StoreFixture::open() {
  auto opened = ReplicaStore::open(options_, log_);
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(opened).value();
}

void StoreFixture::reopen() {
  store_.reset();
  open();
}

Result<void> StoreFixture::append(LogBatch batch, bool essential) {
  return wait_for([&](auto done) { store_->append(std::move(batch), essential, done); });
}

void StoreFixture::append_one(ShardId shard, LogIndex index, std::string_view record,
                              std::uint64_t epoch) {
  LogBatch batch;
  batch.add(shard, epoch, index, as_bytes(record));
  const auto appended = append(std::move(batch));
  ASSERT_TRUE(appended) << appended.error().message;
}

StoreFixture::Records StoreFixture::replay(ShardId shard, LogIndex after) {
  Records records;
  const auto replayed =
      store_->replay(shard, after, [&](std::uint64_t epoch, LogIndex index, ByteView record) {
        records.emplace_back(epoch, index, as_text(record));
      });
  EXPECT_TRUE(replayed);
  return records;
}

void StoreFixture::write_state(ShardId shard, LogIndex applied, const State& puts) {
  StateBatch batch;
  for (const auto& [key, value] : puts) batch.put(key, as_bytes(value));
  write_state(shard, applied, std::move(batch));
}

void StoreFixture::write_state(ShardId shard, LogIndex applied, StateBatch batch) {
  const auto written = wait_for(
      [&](auto done) { store_->write_state(shard, applied, applied, std::move(batch), done); });
  ASSERT_TRUE(written) << written.error().message;
}

Result<void> StoreFixture::flush() {
  return wait_for([&](auto done) { store_->flush_state(done); });
}

std::optional<std::string> StoreFixture::get(ShardId shard, std::string_view key) {
  auto value = store_->view()->get(shard, key);
  return value ? *std::move(value) : std::nullopt;
}

StoreFixture::State StoreFixture::state(ShardId shard) {
  State state;
  const auto scanned =
      store_->view()->scan(shard, "", "", [&](std::string_view key, ByteView value) {
        state.emplace(key, as_text(value));
        return true;
      });
  EXPECT_TRUE(scanned);
  return state;
}

std::vector<std::string> StoreFixture::files(std::string_view ending, std::string_view below) {
  std::vector<std::string> found;
  std::error_code missing;
  const std::string where = options_.path + std::string(below);
  for (const auto& entry : std::filesystem::directory_iterator(where, missing)) {
    if (entry.path().string().ends_with(ending)) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::uint64_t StoreFixture::size_of_files(std::string_view ending) {
  std::uint64_t bytes = 0;
  for (const std::string& name : files(ending)) bytes += std::filesystem::file_size(name);
  return bytes;
}

}  // namespace roost::storage
