// SPDX-License-Identifier: Apache-2.0
#include "cluster/replication/local_log.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::cluster::replication {

LocalLog::LocalLog(const Settings& settings, StoredReplica stored)
    : settings_(settings),
      meta_(std::move(stored.meta)),
      table_(std::move(stored.table)),
      last_(stored.last),
      synced_(stored.last),
      first_kept_(stored.first_kept) {
  CHECK(stored.tail.empty() || stored.tail.back().position == last_position());
  // keep() counts from last_, so that the tail ends there.
  for (const LogRecord& record : stored.tail) keep(record);
}

const LogRecord* LocalLog::in_memory(LogIndex index) const {
  if (index < memory_from() || index > last_) return nullptr;
  return &tail_[index - memory_from()].record;
}

std::uint64_t LocalLog::bytes_between(LogIndex from, LogIndex to) const {
  const LogIndex first = std::max(from + 1, memory_from());
  if (tail_.empty() || first > to || to > last_) return 0;
  const Kept& begin = tail_[first - memory_from()];
  return tail_[to - memory_from()].bytes_before - begin.bytes_before + begin.record.bytes.size();
}

LogRecords LocalLog::records_from(LogIndex first, std::size_t records_max, std::size_t bytes_max) {
  CHECK(first >= memory_from() && first <= last_);
  const bool is_last_batch =
      batch_ && batch_->front().position == position_at(first) && batch_->size() <= records_max &&
      (batch_->back().position.index == last_ || batch_->size() == settings_.append_records_max);
  if (is_last_batch && bytes_between(first, batch_->back().position.index) <= bytes_max) {
    return batch_;
  }
  auto records = std::make_shared<std::vector<LogRecord>>();
  std::size_t bytes = 0;
  for (LogIndex at = first; at <= last_ && records->size() < records_max; ++at) {
    const LogRecord& record = tail_[at - memory_from()].record;
    bytes += record.bytes.size();
    if (bytes > bytes_max && !records->empty()) break;
    records->push_back(record);
  }
  batch_ = records;
  return batch_;
}

void LocalLog::keep(const LogRecord& record) {
  kept_bytes_ += record.bytes.size();
  tail_.push_back({record, kept_bytes_});
  while (
      tail_.size() > settings_.tail_records_max ||
      (tail_.size() > 1 && kept_bytes_ - tail_.front().bytes_before > settings_.tail_bytes_max)) {
    tail_.pop_front();
  }
}

template <typename Op>
std::uint64_t LocalLog::add(Op op) {
  close_append();
  ops_.push_back({++last_number_, std::move(op)});
  unsynced_.push_back({last_number_, last_});
  return last_number_;
}

std::uint64_t LocalLog::append(LogRecord record) {
  CHECK(record.position.index == last_ + 1);
  table_.append(record.position);
  ++last_;
  keep(record);
  if (!appending_) {
    appending_ = std::make_shared<std::vector<LogRecord>>();
    unsynced_.push_back({++last_number_, last_});
  }
  appending_->push_back(std::move(record));
  unsynced_.back().last = last_;
  return last_number_;
}

void LocalLog::close_append() {
  if (!appending_) return;
  batch_ = appending_;
  ops_.push_back({last_number_, AppendOp{std::move(appending_)}});
  appending_.reset();
}

std::uint64_t LocalLog::cut_after(LogIndex last) {
  CHECK(last < last_);
  close_append();  // what it holds is written and cut again: the order is the truth
  batch_.reset();
  while (!tail_.empty() && last_ > last) {
    kept_bytes_ -= tail_.back().record.bytes.size();
    tail_.pop_back();
    --last_;
  }
  last_ = last;
  table_.cut_after(last);
  synced_ = std::min(synced_, last);
  for (Unsynced& op : unsynced_) op.last = std::min(op.last, last);
  return add(CutOp{last});
}

std::uint64_t LocalLog::write_meta(Meta meta) {
  meta_ = std::move(meta);
  return add(MetaOp{meta_});
}

std::uint64_t LocalLog::begin_import(Meta meta) {
  close_append();
  meta_ = std::move(meta);
  table_ = {};
  last_ = synced_ = 0;
  first_kept_ = 1;
  tail_.clear();
  batch_.reset();
  for (Unsynced& op : unsynced_) op.last = 0;
  return add(BeginImportOp{meta_});
}

std::uint64_t LocalLog::end_import(Meta meta, EpochTable table, LogIndex last,
                                   LogIndex first_kept) {
  meta_ = std::move(meta);
  table_ = std::move(table);
  last_ = last;  // counts as synced when the mark is gone
  first_kept_ = first_kept;
  return add(EndImportOp{meta_});
}

void LocalLog::on_trimmed(LogIndex first_kept) {
  first_kept_ = std::min(std::max(first_kept_, first_kept), last_ + 1);
}

void LocalLog::on_synced(std::uint64_t number) {
  CHECK(number <= last_number_);
  synced_number_ = std::max(synced_number_, number);
  while (!unsynced_.empty() && unsynced_.front().number <= number) {
    synced_ = std::max(synced_, unsynced_.front().last);
    unsynced_.pop_front();
  }
}

void LocalLog::take(std::vector<LogOp>& out) {
  close_append();
  for (LogOp& op : ops_) out.push_back(std::move(op));
  ops_.clear();
}

}  // namespace roost::cluster::replication
