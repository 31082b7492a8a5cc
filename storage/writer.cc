// SPDX-License-Identifier: Apache-2.0
#include "storage/writer.h"

#include <rocksdb/perf_level.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "storage/keys.h"
#include "storage/positions.h"

namespace roost::storage {

namespace {

constexpr auto kFullRetry = std::chrono::milliseconds(100);
constexpr auto kAtOnce = std::chrono::microseconds(100);
constexpr std::size_t kLittle = 8;  // batches
// Where batches are paced: with more than the one number of appends in a window they wait for
// slots, with less than the other they don't any more.
constexpr auto kSlot = std::chrono::milliseconds(8);
constexpr std::int64_t kPaceWindowMs = 128;
constexpr std::uint64_t kPaceAbove = 80, kPaceBelow = 60;

template <typename T>
T& at(std::vector<T>& list, ShardId shard) {
  if (shard.value >= list.size()) list.resize(shard.value + 1);
  return list[shard.value];
}

void set_max(Counter& counter, std::uint64_t value) {
  if (value > counter.value()) counter.set(value);
}

}  // namespace

LogWriter::LogWriter(Database& database, SpaceWatch& space, const StoreOptions& options,
                     StoreCounters& counters, Fatal& fatal, std::vector<Position> last,
                     std::vector<std::vector<EpochStart>> epochs)
    : database_(database),
      space_(space),
      counters_(counters),
      fatal_(fatal),
      pending_bytes_max_(options.pending_bytes_max),
      batch_bytes_max_(options.batch_bytes_max),
      sync_(options.sync),
      is_paced_(options.is_paced),
      last_(std::move(last)),
      epochs_(std::move(epochs)),
      much_(kPaceWindowMs, kPaceAbove, kPaceBelow),
      thread_([this] { run(); }) {
  space_.when_stalled([this] { refuse_waiting(); });
}

LogWriter::~LogWriter() {
  space_.when_stalled(nullptr);
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  submitted_.notify_one();
  thread_.join();
}

void LogWriter::append(LogBatch batch, bool essential, Store::Done done) {
  submit({std::move(batch), {}, 0, essential, std::move(done)});
}

void LogWriter::trim(std::vector<Trim> trims, std::uint64_t bytes, Store::Done done) {
  submit({{}, std::move(trims), bytes, true, std::move(done)});
}

void LogWriter::submit(Item item) {
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = waiting_.empty();
    counters_.pending_bytes.add(item.bytes());
    waiting_.push_back(std::move(item));
    ++submitted_count_;
    has_waiting_.store(true, std::memory_order_relaxed);
  }
  if (was_empty) submitted_.notify_one();
}

void LogWriter::run() {
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);  // it counts every comparison of keys
  for (;;) {
    Items items = take();
    if (items.empty()) return;
    space_.look_if_due(0);
    if (space_.low()) refuse_inessential(items);
    if (!items.empty()) write(items);
    answered_at_ = Clock::now();
  }
}

LogWriter::Items LogWriter::take() {
  if (next_taken_ == taken_.size()) {
    taken_.clear();
    next_taken_ = 0;
    linger();
    std::unique_lock lock(mutex_);
    submitted_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (is_paced_) pace(lock);
    taken_.swap(waiting_);
    has_waiting_.store(false, std::memory_order_relaxed);
    is_asked_at_once_ = taken_.size() <= kLittle && Clock::now() - answered_at_ < kAtOnce;
  }
  std::size_t end = next_taken_;
  for (std::size_t bytes = 0; end < taken_.size() && bytes < batch_bytes_max_; ++end) {
    bytes += taken_[end].bytes();
  }
  const auto first = taken_.begin() + static_cast<std::ptrdiff_t>(next_taken_);
  const auto last = taken_.begin() + static_cast<std::ptrdiff_t>(end);
  Items items(std::make_move_iterator(first), std::make_move_iterator(last));
  next_taken_ = end;
  return items;
}

// Where much is submitted, all of a slot goes with one fsync.
void LogWriter::pace(std::unique_lock<std::mutex>& lock) {
  const auto slot_now = [] { return Clock::now().time_since_epoch() / kSlot; };
  const std::uint64_t count = submitted_count_ - std::exchange(paced_count_, submitted_count_);
  const auto now = Clock::now().time_since_epoch();
  const bool is_much =
      much_.count(std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), count);
  if (is_much && slot_now() == slot_) {
    submitted_.wait_until(lock, Clock::time_point(kSlot * (slot_ + 1)), [this] { return ending_; });
  }
  slot_ = slot_now();
}

// One client with one message in flight: its next comes sooner than a sleeping thread wakes.
void LogWriter::linger() {
  if (!is_asked_at_once_ || is_paced_) return;
  const auto end = Clock::now() + kAtOnce;
  while (!has_waiting_.load(std::memory_order_relaxed) && Clock::now() < end) {
    std::this_thread::yield();
  }
}

void LogWriter::write(Items& items) {
  while (!items.empty()) {
    if (fatal_.raised()) return answer(items, error(ErrorKind::io, "the store has failed"));
    batch_.Clear();
    undo_epochs();
    written_.clear();
    trimmed_in_batch_ = 0;
    for (const Item& item : items) add(item);
    const auto start = Clock::now();
    const rocksdb::Status status = write_batch();
    if (status.ok()) {
      epochs_before_.clear();
      count(items, static_cast<std::uint64_t>((Clock::now() - start).count()));
      return answer(items, {});
    }
    if (!status.IsNoSpace()) {
      fatal_.raise("the log can't be written: " + status.ToString());
      continue;
    }
    if (!wait_for_space()) {
      return answer(items, error(ErrorKind::resource_exhausted, "the disk is full"));
    }
    refuse_inessential(items);
  }
}

rocksdb::Status LogWriter::write_batch() {
  rocksdb::WriteOptions options;
  options.sync = sync_;
  return database_.db().Write(options, &batch_);
}

void LogWriter::add(const Item& item) {
  item.batch.each([this](std::string_view key, std::string_view value) {
    if (is_meta_key(key)) return add_change(key, value);
    CHECK(batch_.Put(database_.log(), as_slice(key), as_slice(value)).ok());
    const auto place = parse_log_key(key);
    const Position position{log_value_epoch(value), place->index};
    ends_at(place->shard, position);
    const std::vector<EpochStart>& table = at(epochs_, place->shard);
    if (!table.empty() && table.back().epoch >= position.epoch) return;
    changed_epochs(place->shard).push_back({position.epoch, position.index});
    CHECK(batch_
              .Put(database_.log(), epoch_key(place->shard, position.index),
                   position_value(position.epoch, position.index))
              .ok());
  });
  for (const Trim& trim : item.trims) add_trim(trim);
}

void LogWriter::ends_at(ShardId shard, Position position) {
  if (written_.empty() || written_.back().first != shard) {
    written_.emplace_back(shard, position);
  } else {
    written_.back().second = position;
  }
}

void LogWriter::add_trim(const Trim& trim) {
  // Right behind the record before: no key of a record, which database.cc relies on.
  std::string from(as_text(log_key(trim.shard, trim.from - 1)));
  from.push_back('\0');
  const LogKey end = log_key(trim.shard, trim.to + 1);
  CHECK(batch_.DeleteRange(database_.log(), from, as_slice(as_text(end))).ok());
  // Where nothing is left, this is all that tells the shard's last position.
  const bool known = trim.shard.value < last_.size();
  const std::uint64_t epoch = known ? last_[trim.shard.value].epoch : 0;
  CHECK(batch_.Put(database_.log(), trimmed_key(trim.shard), position_value(epoch, trim.to)).ok());
  trimmed_in_batch_ += trim.to + 1 - trim.from;
}

void LogWriter::add_change(std::string_view key, std::string_view value) {
  const ChangeKind change = parse_change_key(key);
  const ShardId shard = change.shard;
  if (change.kind == kMetaKind) {
    CHECK(batch_.Put(database_.log(), replica_meta_key(shard), as_slice(value)).ok());
  } else if (change.kind == kCutKind) {
    cut(shard, parse_position(value)->index);
  } else if (change.kind == kForgetKind) {
    forget(shard);
  } else if (change.kind == kEpochKind) {
    put_epochs(shard, value);
  } else {
    CHECK(change.kind == kTrimmedKind);
    CHECK(batch_.Put(database_.log(), trimmed_key(shard), as_slice(value)).ok());
    const auto trimmed = parse_position(value);
    const bool is_end = at(last_, shard).index < trimmed->index;
    if (is_end) ends_at(shard, {trimmed->epoch, trimmed->index});
  }
}

void LogWriter::cut(ShardId shard, LogIndex last) {
  std::string from(as_text(log_key(shard, last)));
  from.push_back('\0');  // as in add_trim
  const LogKey end = log_key(ShardId{static_cast<std::uint16_t>(shard.value + 1)}, 0);
  CHECK(batch_.DeleteRange(database_.log(), from, as_slice(as_text(end))).ok());
  CHECK(batch_.DeleteRange(database_.log(), epoch_key(shard, last + 1), epoch_end(shard)).ok());
  std::vector<EpochStart>& table = changed_epochs(shard);
  while (!table.empty() && table.back().first > last) table.pop_back();
  ends_at(shard, {epoch_at(table, last), last});
}

void LogWriter::forget(ShardId shard) {
  cut(shard, 0);
  CHECK(batch_.Delete(database_.log(), trimmed_key(shard)).ok());
}

void LogWriter::put_epochs(ShardId shard, std::string_view value) {
  CHECK(batch_.DeleteRange(database_.log(), epoch_key(shard, 0), epoch_end(shard)).ok());
  std::vector<EpochStart>& table = changed_epochs(shard);
  table.clear();
  for (; value.size() >= kPositionSize; value.remove_prefix(kPositionSize)) {
    const auto start = parse_position(value.substr(0, kPositionSize));
    table.push_back({start->epoch, start->index});
    CHECK(batch_
              .Put(database_.log(), epoch_key(shard, start->index),
                   as_slice(value.substr(0, kPositionSize)))
              .ok());
  }
}

std::vector<EpochStart>& LogWriter::changed_epochs(ShardId shard) {
  std::vector<EpochStart>& table = at(epochs_, shard);
  epochs_before_.emplace_back(shard, table);
  return table;
}

void LogWriter::undo_epochs() {
  for (auto it = epochs_before_.rbegin(); it != epochs_before_.rend(); ++it) {
    at(epochs_, it->first) = std::move(it->second);
  }
  epochs_before_.clear();
}

void LogWriter::refuse_inessential(Items& items) {
  const auto kept = std::stable_partition(items.begin(), items.end(),
                                          [](const Item& item) { return item.essential; });
  Items refused(std::make_move_iterator(kept), std::make_move_iterator(items.end()));
  items.erase(kept, items.end());
  if (refused.empty()) return;
  counters_.refused_for_space.add(refused.size());
  answer(refused, error(ErrorKind::resource_exhausted, "the disk is full"));
}

void LogWriter::refuse_waiting() {
  Items items;
  {
    const std::lock_guard lock(mutex_);
    items.swap(waiting_);
  }
  refuse_inessential(items);
  const std::lock_guard lock(mutex_);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(items.begin()),
                  std::make_move_iterator(items.end()));
}

bool LogWriter::wait_for_space() {
  for (;;) {
    if (space_.has_ended()) return false;
    const rocksdb::Status status = space_.recover();
    if (status.ok()) return true;
    if (!SpaceWatch::is_full(status)) {
      fatal_.raise("the database can't go on after a full disk: " + status.ToString());
      return true;
    }
    refuse_waiting();
    std::unique_lock lock(mutex_);
    if (submitted_.wait_for(lock, kFullRetry, [this] { return ending_; })) return false;
  }
}

void LogWriter::answer(Items& items, const Result<void>& result) {
  std::uint64_t bytes = 0;
  for (const Item& item : items) bytes += item.bytes();
  {
    const std::lock_guard lock(mutex_);
    counters_.pending_bytes.sub(bytes);
  }
  for (Item& item : items) item.done(result);
  items.clear();
}

void LogWriter::count(const Items& items, std::uint64_t ns) {
  std::uint64_t records = 0, bytes = 0, trimmed_bytes = 0;
  for (const Item& item : items) {
    trimmed_bytes += item.trimmed_bytes;
    records += item.batch.count();
    bytes += item.batch.record_bytes();
  }
  counters_.appended_records.add(records);
  counters_.appended_bytes.add(bytes);
  counters_.syncs.add();
  counters_.sync_ns.add(ns);
  set_max(counters_.sync_ns_max, ns);
  counters_.sync_durations.add(static_cast<std::int64_t>(ns));
  set_max(counters_.batch_records_max, records);
  set_max(counters_.batch_bytes_max, batch_.GetDataSize());
  counters_.wal_bytes.add(batch_.GetDataSize());
  counters_.trimmed_records.add(trimmed_in_batch_);
  counters_.untrimmed_bytes.add(batch_.GetDataSize() - trimmed_bytes);
  for (const auto& [shard, position] : written_) {
    if (shard.value >= last_.size()) last_.resize(shard.value + 1);
    last_[shard.value] = position;
  }
  space_.look_if_due(batch_.GetDataSize());
}

}  // namespace roost::storage
