// SPDX-License-Identifier: Apache-2.0
// A store in a folder of its own, with calls that wait for their answer.
// Thread: the test's.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "storage/replica_store.h"
#include "tests/support/vector_log.h"

namespace roost::storage {

class StoreFixture : public testing::Test {
 protected:
  using Records = std::vector<std::tuple<std::uint64_t, LogIndex, std::string>>;
  using State = std::map<std::string, std::string>;

  StoreFixture();
  ~StoreFixture() override;

  void open();  // fails the test where it doesn't open
  void reopen();
  Result<void> append(LogBatch batch, bool essential = false);
  void append_one(ShardId shard, LogIndex index, std::string_view record, std::uint64_t epoch = 1);
  Records replay(ShardId shard, LogIndex after);
  void write_state(ShardId shard, LogIndex applied, const State& puts);
  void write_state(ShardId shard, LogIndex applied, StateBatch batch);
  Result<void> flush();
  std::optional<std::string> get(ShardId shard, std::string_view key);
  State state(ShardId shard);
  // Of the files in the database whose names end so.
  std::vector<std::string> files(std::string_view ending, std::string_view below = "/db");
  std::uint64_t size_of_files(std::string_view ending);

  std::string folder_;
  support::VectorLog log_;
  StoreOptions options_;
  std::unique_ptr<ReplicaStore> store_;
};

}  // namespace roost::storage
