// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/record_line.h"

#include <iterator>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/record_codec.h"

namespace roost::gates {

RecordLine::RecordLine(core::Core& core, session::SessionTable& table, RecordLog& log,
                       std::size_t part_max)
    : core_(core), table_(table), log_(log), part_max_(part_max) {}

RecordLine::~RecordLine() = default;

void RecordLine::append(ShardId shard, session::Record record, session::Door* door) {
  waiting_.push_back({shard, 0, std::move(record), door});
  core_.at_turn_end(*this);
}

void RecordLine::on_turn_end() {
  while (!waiting_.empty()) {
    Appended one = std::move(waiting_.front());
    waiting_.pop_front();
    add(std::move(one));
  }
  if (!part_of_ && !turns_.empty()) next_part();
  log_.flush();
}

void RecordLine::add(Appended one) {
  const auto large = large_.empty() ? large_.end() : large_.find(one.shard.value);
  if (large != large_.end() && large->second.order.binds(one.record)) {
    large->second.order.add(one.record);
    large->second.behind.push_back(std::move(one));
    return;
  }
  scratch_.clear();
  session::encode_record(one.record, table_.shard(one.shard).offset_ms(), scratch_);
  if (session::needs_parts(scratch_, part_max_)) {
    begin_large(std::move(one));
  } else {
    log_.put(std::move(one), scratch_.bytes);
  }
}

// One after the other in each shard: whoever joins the parts again knows one at a time.
void RecordLine::begin_large(Appended one) {
  const std::uint16_t shard = one.shard.value;
  const auto [at, is_first] = large_.try_emplace(shard);
  Large& large = at->second;
  large.order.add(one.record);
  if (!is_first) {
    large.behind.push_back(std::move(one));
    return;
  }
  large.record = std::move(one);
  large.splitter =
      std::make_unique<session::RecordSplitter>(std::exchange(scratch_, {}), part_max_);
  turns_.push_back(shard);
  if (!part_of_) next_part();
}

// What was appended before goes first; the shards' large records take turns.
void RecordLine::next_part() {
  log_.flush();
  const ShardId shard{turns_.front()};
  turns_.pop_front();
  Large& large = large_.find(shard.value)->second;
  std::vector<std::uint8_t> part;
  large.splitter->next(part);
  std::optional<Appended> whole;
  if (large.splitter->done()) {
    whole = std::move(large.record);
  } else {
    turns_.push_back(shard.value);
  }
  part_of_ = shard;
  const session::LogIndex index = log_.put_part(shard, std::move(part), std::move(whole));
  if (large.first == 0) large.first = index;
}

// What waited behind a whole one comes before what is appended from now on.
void RecordLine::part_done(ShardId shard, bool is_last) {
  DCHECK(part_of_ == shard);
  part_of_.reset();
  if (is_last) {
    const auto at = large_.find(shard.value);
    std::deque<Appended> behind = std::move(at->second.behind);
    large_.erase(at);
    waiting_.insert(waiting_.begin(), std::make_move_iterator(behind.begin()),
                    std::make_move_iterator(behind.end()));
  }
  core_.at_turn_end(*this);
}

std::vector<Appended> RecordLine::drop(ShardId shard) {
  std::vector<Appended> dropped;
  if (const auto at = large_.find(shard.value); at != large_.end()) {
    Large& large = at->second;
    // With its last part the record went along.
    if (!large.splitter->done()) dropped.push_back(std::move(large.record));
    std::move(large.behind.begin(), large.behind.end(), std::back_inserter(dropped));
    large_.erase(at);
    std::erase(turns_, shard.value);
  }
  for (Appended& one : waiting_) {
    if (one.shard == shard) dropped.push_back(std::move(one));
  }
  std::erase_if(waiting_, [&](const Appended& one) { return one.shard == shard; });
  if (part_of_ == shard) {
    part_of_.reset();
    core_.at_turn_end(*this);
  }
  return dropped;
}

session::LogIndex RecordLine::first_part(ShardId shard) const {
  const auto at = large_.find(shard.value);
  return at == large_.end() ? 0 : at->second.first;
}

}  // namespace roost::gates
