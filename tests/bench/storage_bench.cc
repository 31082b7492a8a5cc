// SPDX-License-Identifier: Apache-2.0
// What the store takes beside RocksDB alone with the same batches, and beside a bare fdatasync.
// Records of ROOST_BENCH_RECORD bytes (100); `records/s` is what counts, `B/record` what went to
// the disk. The folder is ROOST_BENCH_DIR or the current one; ROOST_BENCH_BATCH is one more size of
// batches. Run: storage_bench --benchmark_filter=Append
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "storage/store.h"

namespace roost::storage {
namespace {

// A number of the environment, or else `fallback`.
std::int64_t number_of(const char* name, std::int64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoll(text);
}

const auto kRecordBytes = static_cast<std::size_t>(number_of("ROOST_BENCH_RECORD", 100));
constexpr std::size_t kTrimEvery = 400'000;  // records: the state is flushed, the log trimmed

// What no compression makes smaller, once at least.
std::string noise(std::size_t size) {
  std::string bytes;
  for (std::uint64_t word = 1; bytes.size() < size;
       bytes.push_back(static_cast<char>(word >> 56))) {
    word = mix64(word);
  }
  return bytes;
}

class Folder {
 public:
  Folder() {
    const char* base = std::getenv("ROOST_BENCH_DIR");
    std::string name = std::string(base != nullptr ? base : ".") + "/storage-bench-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Counts answers; lets so many be open.
class Window {
 public:
  void enter(std::size_t most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ < most; });
    ++open_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --open_;
    changed_.notify_one();
  }
  void drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t open_ = 0;
};

void report(benchmark::State& state, std::size_t records) {
  state.counters["records/s"] =
      benchmark::Counter(static_cast<double>(records), benchmark::Counter::kIsRate);
}

// Batches of range(0) records, range(1) of them waiting for their answer.
void append_to_store(benchmark::State& state) {
  const Folder folder;
  NullLog log;
  StoreOptions options;
  options.path = folder.path() + "/data";
  auto store = Store::open(options, log).value();
  const std::string record = noise(kRecordBytes);
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto most = static_cast<std::size_t>(state.range(1));
  Window window;
  std::size_t records = 0, trimmed = 0;
  for (auto _ : state) {
    LogBatch batch;
    for (std::size_t i = 0; i < size; ++i) batch.add(ShardId{1}, 1, ++records, as_bytes(record));
    window.enter(most);
    store->append(std::move(batch), false, [&](Result<void> result) {
      CHECK(result);
      window.leave();
    });
    if (records - trimmed < kTrimEvery) continue;
    trimmed = records;
    window.drain();
    store->write_state(ShardId{1}, records, records, StateBatch(), [](Result<void>) {});
    store->flush_state([](Result<void> result) { CHECK(result); });
  }
  window.drain();
  report(state, records);
  const StoreCounters& counters = store->counters();
  state.counters["B/record"] =
      static_cast<double>(counters.wal_bytes.value() + counters.table_bytes.value()) /
      static_cast<double>(records);
  state.counters["records/sync"] =
      static_cast<double>(records) / static_cast<double>(counters.syncs.value());
}

void append_to_rocksdb(benchmark::State& state) {
  const Folder folder;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  CHECK(rocksdb::DB::Open(options, folder.path() + "/data", &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  const std::string record = noise(kRecordBytes);
  rocksdb::WriteOptions write;
  write.sync = true;
  std::size_t records = 0;
  for (auto _ : state) {
    rocksdb::WriteBatch batch;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      char key[16];
      std::snprintf(key, sizeof key, "%010zx", ++records);
      CHECK(batch.Put(rocksdb::Slice(key, 10), record).ok());
    }
    CHECK(db->Write(write, &batch).ok());
  }
  report(state, records);
}

void bare_fdatasync(benchmark::State& state) {
  const Folder folder;
  const int fd = ::open((folder.path() + "/file").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  CHECK(fd >= 0);
  const std::string record(kRecordBytes * static_cast<std::size_t>(state.range(0)), 'r');
  std::size_t records = 0;
  for (auto _ : state) {
    CHECK(::write(fd, record.data(), record.size()) == static_cast<ssize_t>(record.size()));
    CHECK(::fdatasync(fd) == 0);
    records += static_cast<std::size_t>(state.range(0));
  }
  ::close(fd);
  report(state, records);
}

std::vector<std::int64_t> batch_sizes() {
  std::vector<std::int64_t> sizes = {1, 10, 100};
  const std::int64_t one_more = number_of("ROOST_BENCH_BATCH", 1);
  if (std::find(sizes.begin(), sizes.end(), one_more) == sizes.end()) sizes.push_back(one_more);
  return sizes;
}

void of_each_size(benchmark::internal::Benchmark* benchmark) {
  for (const std::int64_t size : batch_sizes()) benchmark->Arg(size);
}

void of_each_size_one_open(benchmark::internal::Benchmark* benchmark) {
  for (const std::int64_t size : batch_sizes()) benchmark->Args({size, 1});
}

// One after another, each waiting: what a lonely publisher feels.
BENCHMARK(bare_fdatasync)->Name("Append/fdatasync")->Apply(of_each_size)->UseRealTime();
BENCHMARK(append_to_rocksdb)->Name("Append/rocksdb")->Apply(of_each_size)->UseRealTime();
BENCHMARK(append_to_store)->Name("Append/store")->Apply(of_each_size_one_open)->UseRealTime();
// Many cores' batches in flight: what group commit makes of them.
BENCHMARK(append_to_store)
    ->Name("Append/store_in_flight")
    ->Args({1, 100})
    ->Args({10, 100})
    ->Args({100, 100})
    ->UseRealTime();

}  // namespace
}  // namespace roost::storage
