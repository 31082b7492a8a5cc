// SPDX-License-Identifier: Apache-2.0
// What the store takes beside RocksDB alone with the same batches, and beside a bare fdatasync.
// Records of 100 B; `records/s` is what counts, `B/record` what went to the disk. The folder is
// ROOST_BENCH_DIR or the current one. Run: storage_bench --benchmark_filter=Append
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "broker/base/check.h"
#include "storage/store.h"

namespace roost::storage {
namespace {

constexpr std::size_t kRecordBytes = 100;
constexpr std::size_t kTrimEvery = 400'000;  // records: the state is flushed, the log trimmed

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
  const std::string record(kRecordBytes, 'r');
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
  const std::string record(kRecordBytes, 'r');
  rocksdb::WriteOptions write;
  write.sync = true;
  std::size_t records = 0;
  for (auto _ : state) {
    rocksdb::WriteBatch batch;
    for (int64_t i = 0; i < state.range(0); ++i) {
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

// One after another, each waiting: what a lonely publisher feels.
BENCHMARK(bare_fdatasync)->Name("Append/fdatasync")->Arg(1)->Arg(10)->Arg(100)->UseRealTime();
BENCHMARK(append_to_rocksdb)->Name("Append/rocksdb")->Arg(1)->Arg(10)->Arg(100)->UseRealTime();
BENCHMARK(append_to_store)
    ->Name("Append/store")
    ->Args({1, 1})
    ->Args({10, 1})
    ->Args({100, 1})
    ->UseRealTime();
// Many cores' batches in flight: what group commit makes of them.
BENCHMARK(append_to_store)
    ->Name("Append/store_in_flight")
    ->Args({1, 100})
    ->Args({10, 100})
    ->Args({100, 100})
    ->UseRealTime();

}  // namespace
}  // namespace roost::storage
