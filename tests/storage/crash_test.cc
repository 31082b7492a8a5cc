// SPDX-License-Identifier: Apache-2.0
// The promise, by seed: whatever the disk does, what was acknowledged is there afterwards, in
// order, and the state is what the records up to `applied` give.
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "broker/base/hash.h"
#include "storage/replica_store.h"
#include "tests/storage/crash_file_system.h"
#include "tests/support/vector_log.h"

namespace roost::storage {
namespace {

constexpr std::uint16_t kShards = 3;
constexpr LogIndex kSlots = 8;

struct Appended {
  std::uint64_t epoch = 0;
  std::string bytes;
};

// What the test knows of one shard.
struct Shard {
  std::vector<Appended> records;  // [i]: index i + 1
  LogIndex acknowledged = 0;      // guarded by Lives::mutex_
  LogIndex applied = 0;
  // What the log was before a cut that wasn't answered: it may be this or the other.
  std::vector<Appended> before_cut;
};

// Where each epoch began, of the first `last` records.
std::vector<EpochStart> epochs_of(const Shard& shard, LogIndex last) {
  std::vector<EpochStart> table;
  for (LogIndex i = 1; i <= last; ++i) {
    const std::uint64_t epoch = shard.records[i - 1].epoch;
    if (table.empty() || table.back().epoch < epoch) table.push_back({epoch, i});
  }
  return table;
}

// The state after the first `applied` records: the last kSlots of them, and a chain over all.
std::map<std::string, std::string> state_of(const Shard& shard, LogIndex applied) {
  std::map<std::string, std::string> state;
  std::uint64_t chain = 0;
  for (LogIndex i = 1; i <= applied; ++i) chain = hash64(shard.records[i - 1].bytes, chain);
  if (applied > 0) state["chain"] = std::to_string(chain);
  for (LogIndex i = applied > kSlots ? applied - kSlots + 1 : 1; i <= applied; ++i) {
    state["slot" + std::to_string(i % kSlots)] = shard.records[i - 1].bytes.substr(0, 64);
  }
  return state;
}

std::string folder() {
  char name[] = "/tmp/roost-crash-XXXXXX";
  return ::mkdtemp(name);
}

// One seed: a few lives of a store on one disk, each ended by a cut or a fault.
class Lives {
 public:
  Lives(std::uint64_t seed, bool sync)
      : random_(seed), path_(folder()), disk_(std::make_shared<CrashFileSystem>(seed, path_)) {
    options_.path = path_;
    options_.write_buffer_bytes = 64 << 10;
    options_.cache_bytes = 1 << 20;
    options_.reserve_bytes = 0;
    options_.batch_bytes_max = 16 << 10;
    options_.reader_threads = 1;
    options_.file_system = disk_;
    options_.sync = sync;
    options_.on_fatal = [this](std::string_view) { failed_ = true; };
  }
  ~Lives() {
    store_.reset();
    std::filesystem::remove_all(path_);
  }

  // What was wrong; empty: nothing.
  std::string run(int lives) {
    for (int life = 0; life < lives; ++life) {
      plan_fault();
      if (open()) work();
      store_.reset();
      disk_->restart();
      failed_ = false;
      if (!open()) return "does not open: " + why_;
      if (std::string wrong = check(); !wrong.empty()) return wrong;
      store_.reset();
    }
    return {};
  }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }

  void plan_fault() {
    using Event = CrashFileSystem::Event;
    disk_->cut_at(below(8) == 0 ? below(60) : 20 + below(500));
    if (below(3) != 0) return;
    static constexpr Event kKinds[] = {Event::append, Event::sync, Event::rename,
                                       Event::sync_folder, Event::create};
    const Event kind = kKinds[below(5)];
    const bool often = kind == Event::append || kind == Event::sync;
    disk_->fail_at(kind, below(often ? 120 : 12));
  }

  bool open() {
    ++epoch_;
    auto opened = ReplicaStore::open(options_, log_);
    if (!opened) {
      why_ = opened.error().message;
      return false;
    }
    store_ = std::move(opened).value();
    return true;
  }

  void work() {
    adopt();
    for (int step = 0; step < 150 && !failed_ && !disk_->is_cut(); ++step) {
      const auto what = below(17);
      if (what < 9) append();
      if (what >= 7 && what < 14) apply();
      if (what == 14) flush(below(2) == 0);
      if (what == 15) wait_for_appends();
      if (what == 16) cut();
    }
    wait_for_appends();
  }

  // The log as it was found is the log from now on.
  void adopt() {
    for (std::uint16_t i = 0; i < kShards; ++i) {
      Shard& shard = shards_[i];
      const LogIndex last = store_->last(ShardId{i}).index;
      if (last < shard.records.size()) shard.records.resize(last);
      const std::lock_guard lock(mutex_);
      shard.acknowledged = last;  // recovery made all of it durable
      shard.applied = store_->applied(ShardId{i});
    }
  }

  std::string make_record(std::uint16_t shard) {
    std::string bytes = std::to_string(shard) + "/" + std::to_string(epoch_) + "/";
    const std::size_t size = below(20) == 0 ? below(6000) : below(200);
    while (bytes.size() < size) bytes.push_back(static_cast<char>(random_()));
    return bytes;
  }

  void append() {
    LogBatch batch;
    std::array<LogIndex, kShards> ends{};
    for (std::uint64_t n = 1 + below(5); n > 0; --n) {
      const auto i = static_cast<std::uint16_t>(below(kShards));
      Shard& shard = shards_[i];
      shard.records.push_back({epoch_, make_record(i)});
      ends[i] = shard.records.size();
      batch.add(ShardId{i}, epoch_, ends[i], as_bytes(shard.records.back().bytes));
    }
    {
      const std::lock_guard lock(mutex_);
      ++open_appends_;
    }
    store_->append(std::move(batch), below(2) == 0, [this, ends](Result<void> result) {
      const std::lock_guard lock(mutex_);
      for (std::uint16_t i = 0; result && i < kShards; ++i) {
        shards_[i].acknowledged = std::max(shards_[i].acknowledged, ends[i]);
      }
      --open_appends_;
      answered_.notify_all();
    });
  }

  // As a follower does that hears of a new leader: a suffix goes, others come, in one batch.
  void cut() {
    wait_for_appends();
    if (failed_ || disk_->is_cut()) return;
    const auto i = static_cast<std::uint16_t>(below(kShards));
    Shard& shard = shards_[i];
    const LogIndex kept = shard.applied + below(shard.records.size() - shard.applied + 1);
    shard.before_cut = shard.records;
    shard.records.resize(kept);
    ++epoch_;
    LogBatch batch;
    batch.cut_after(ShardId{i}, kept);
    for (std::uint64_t n = below(3); n > 0; --n) {
      shard.records.push_back({epoch_, make_record(i)});
      batch.add(ShardId{i}, epoch_, shard.records.size(), as_bytes(shard.records.back().bytes));
    }
    {
      const std::lock_guard lock(mutex_);
      ++open_appends_;
      shard.acknowledged = kept;
    }
    store_->append(std::move(batch), true, [this, i](Result<void> result) {
      const std::lock_guard lock(mutex_);
      if (result) {
        shards_[i].acknowledged = shards_[i].records.size();
        shards_[i].before_cut.clear();
      }
      --open_appends_;
      answered_.notify_all();
    });
    wait_for_appends();
  }

  void wait_for_appends() {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return open_appends_ == 0; });
  }

  void apply() {
    const auto i = static_cast<std::uint16_t>(below(kShards));
    Shard& shard = shards_[i];
    LogIndex until;
    {
      const std::lock_guard lock(mutex_);
      until = shard.acknowledged;
    }
    if (until <= shard.applied) return;
    until = shard.applied + 1 + below(until - shard.applied);
    StateBatch batch;
    if (below(4) == 0) batch.erase_range("slot", "slou");
    for (const auto& [key, value] : state_of(shard, until)) batch.put(key, as_bytes(value));
    shard.applied = until;
    store_->write_state(ShardId{i}, until, until, std::move(batch), [](Result<void>) {});
  }

  void flush(bool wait) {
    auto done = std::make_shared<std::atomic<bool>>(false);
    store_->flush_state([done](Result<void>) {
      done->store(true);
      done->notify_all();
    });
    if (wait) done->wait(false);
  }

  std::string check() {
    for (std::uint16_t i = 0; i < kShards; ++i) {
      Shard& shard = shards_[i];
      std::string wrong = check(ShardId{i});
      if (!wrong.empty() && !shard.before_cut.empty()) {
        shard.records = shard.before_cut;
        wrong = check(ShardId{i});
      }
      shard.before_cut.clear();
      if (!wrong.empty()) {
        return "shard " + std::to_string(i) + ": " + wrong;
      }
    }
    const StoreCounters& counters = store_->counters();
    if (counters.damaged_files.value() + counters.damaged_records.value() > 0) {
      std::string lines;
      for (const std::string& line : log_.take()) lines += "\n  " + line;
      return "a cut was taken for damage:" + lines;
    }
    return {};
  }

  std::string check(ShardId id) {
    const Shard& shard = shards_[id.value];
    const LogIndex last = store_->last(id).index, applied = store_->applied(id);
    if (last < shard.acknowledged) {
      return "acknowledged up to " + std::to_string(shard.acknowledged) + ", there up to " +
             std::to_string(last);
    }
    if (last > shard.records.size()) return "more than was ever appended";
    if (applied > last) return "applied beyond the log";
    LogIndex next = applied + 1;
    std::string wrong;
    const auto read =
        store_->replay(id, applied, [&](std::uint64_t epoch, LogIndex index, ByteView record) {
          if (index != next++) wrong = "a gap before " + std::to_string(index);
          if (index > shard.records.size()) return;
          const Appended& wanted = shard.records[index - 1];
          if (wanted.epoch != epoch || wanted.bytes != as_text(record)) {
            wrong = "other bytes at " + std::to_string(index);
          }
        });
    if (!read) return read.error().message;
    if (!wrong.empty()) return wrong;
    if (next != last + 1) return "the log ends at " + std::to_string(next - 1);
    if (store_->replica(id).epochs != epochs_of(shard, last)) return "other epochs than appended";
    std::map<std::string, std::string> state;
    const auto scanned =
        store_->view()->scan(id, "", "", [&](std::string_view key, ByteView value) {
          state.emplace(key, as_text(value));
          return true;
        });
    if (!scanned) return scanned.error().message;
    if (state != state_of(shard, applied)) return "a state that is not that of its applied index";
    return {};
  }

  std::mt19937_64 random_;
  const std::string path_;
  std::shared_ptr<CrashFileSystem> disk_;
  StoreOptions options_;
  support::VectorLog log_;
  std::uint64_t epoch_ = 0;
  std::array<Shard, kShards> shards_;
  std::atomic<bool> failed_{false};
  std::string why_;
  std::mutex mutex_;
  std::condition_variable answered_;
  int open_appends_ = 0;  // guarded by mutex_
  std::unique_ptr<ReplicaStore> store_;
};

// Runs seeds beside each other: RocksDB rests for a second after each fault. What was wrong, by
// seed.
std::map<std::uint64_t, std::string> run_seeds(std::uint64_t first, std::uint64_t end, bool sync) {
  constexpr int kThreads = 24;
  for (const auto priority : {rocksdb::Env::LOW, rocksdb::Env::HIGH}) {
    rocksdb::Env::Default()->SetBackgroundThreads(kThreads, priority);
  }
  std::atomic<std::uint64_t> next{first};
  std::mutex mutex;
  std::map<std::uint64_t, std::string> wrongs;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t seed = next++; seed < end; seed = next++) {
        std::string wrong = Lives(seed, sync).run(2);
        const std::lock_guard lock(mutex);
        if (!wrong.empty()) wrongs.emplace(seed, std::move(wrong));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return wrongs;
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// In parts, so that they run beside each other. ROOST_CRASH_SEEDS: how many in all (fewer under the
// sanitizers); ROOST_CRASH_SEED: only this one.
constexpr std::uint64_t kParts = 8;

class CrashSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CrashSeeds, LoseNothingThatWasAcknowledged) {
  const std::uint64_t only = from_environment("ROOST_CRASH_SEED", 0);
  const std::uint64_t each = from_environment("ROOST_CRASH_SEEDS", 1000) / kParts;
  const std::uint64_t first = only > 0 ? only : 1 + GetParam() * each;
  for (const auto& [seed, wrong] : run_seeds(first, only > 0 ? first + 1 : first + each, true)) {
    ADD_FAILURE() << "seed " << seed << ": " << wrong;
  }
}

INSTANTIATE_TEST_SUITE_P(Part, CrashSeeds, testing::Range<std::uint64_t>(0, kParts));

TEST(Crash, IsSeenWhereNothingIsSynced) {
  std::size_t lost = 0;
  for (const auto& [seed, wrong] : run_seeds(1, 41, false)) {
    lost += wrong.find("acknowledged up to") != std::string::npos ? 1 : 0;
  }
  EXPECT_GT(lost, 20u) << "the test does not see what an fsync is for";
}

}  // namespace
}  // namespace roost::storage
