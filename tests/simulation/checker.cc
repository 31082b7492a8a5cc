// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/checker.h"

#include <algorithm>
#include <utility>

namespace roost::simulation {
namespace {

std::string text(std::uint64_t index, Seen record) {
  return std::to_string(index) + " (epoch " + std::to_string(record.epoch) + ", content " +
         std::to_string(record.content) + ")";
}

}  // namespace

std::string_view name_of(Property property) {
  switch (property) {
    case Property::lost_ack:
      return "lost ack";
    case Property::two_leaders:
      return "two leaders";
    case Property::position_reused:
      return "position reused";
    case Property::diverged_apply:
      return "diverged apply";
    case Property::cut_commit:
      return "cut commit";
    case Property::stuck_shard:
      return "stuck shard";
    case Property::stale_read:
      return "stale read";
  }
  return "";
}

void Checker::violate(Property property, ShardId shard, std::string what) {
  if (!violation_) {
    violation_ = {property, "shard " + std::to_string(shard.value) + ": " + std::move(what)};
  }
}

const Seen* Checker::committed_at(const Shard& shard, Index index) const {
  return index >= 1 && index <= shard.committed.size() ? &shard.committed[index - 1] : nullptr;
}

void Checker::on_named(ShardId shard, Index index, Seen record) {
  auto [at, is_new] = shards_[shard].names.try_emplace({record.epoch, index}, record.content);
  if (!is_new && at->second != record.content) {
    violate(Property::position_reused, shard,
            text(index, record) + " was content " + std::to_string(at->second) + " before");
  }
}

void Checker::on_commit(ShardId shard, std::uint64_t epoch, std::string_view who, Index index) {
  const auto [at, is_new] = shards_[shard].leaders.try_emplace(epoch, who);
  if (!is_new && at->second != who) {
    violate(Property::two_leaders, shard,
            std::string(who) + " commits " + std::to_string(index) + " in epoch " +
                std::to_string(epoch) + ", in which " + at->second + " has committed");
  }
}

void Checker::on_apply(ShardId shard, std::string_view who, Index index, Seen record) {
  Shard& seen = shards_[shard];
  if (index == seen.committed.size() + 1) {
    seen.committed.push_back(record);
    return;
  }
  const Seen* known = committed_at(seen, index);
  if (known == nullptr) {
    violate(Property::diverged_apply, shard,
            std::string(who) + " applies " + text(index, record) + " and nobody has applied " +
                std::to_string(seen.committed.size() + 1));
  } else if (*known != record) {
    violate(
        Property::diverged_apply, shard,
        std::string(who) + " applies " + text(index, record) + ", others " + text(index, *known));
  }
}

void Checker::on_cut(ShardId shard, std::string_view who, Index from, const LogView& log) {
  const Shard& seen = shards_[shard];
  for (Index index = std::max(from, log.first()); index <= log.last(); ++index) {
    const Seen* known = committed_at(seen, index);
    if (known == nullptr) {
      return;
    }
    if (*known == log.at(index)) {
      violate(Property::cut_commit, shard,
              std::string(who) + " cuts from " + std::to_string(from) + " on, and " +
                  text(index, *known) + " is committed");
      return;
    }
  }
}

void Checker::on_acknowledged(ShardId shard, Index index, Seen record) {
  Shard& seen = shards_[shard];
  ++acknowledged_count_;
  seen.acknowledged.insert(index);
  const Seen* known = committed_at(seen, index);
  if (known == nullptr || *known != record) {
    violate(Property::lost_ack, shard,
            text(index, record) + " is acknowledged, and " +
                (known == nullptr ? "nobody has applied it" : text(index, *known) + " applied"));
  }
}

void Checker::on_serving(ShardId shard, std::uint64_t epoch, std::string_view who,
                         const LogView& log) {
  const Shard& seen = shards_[shard];
  for (Index index = log.first(); index <= seen.committed.size(); ++index) {
    const Seen& known = seen.committed[index - 1];
    // Of a later leader: this one is deposed and hasn't heard of it, its ISR has been fenced.
    if (known.epoch > epoch) return;
    if (index <= log.last() && log.at(index) == known) {
      continue;
    }
    const bool is_acknowledged = seen.acknowledged.lower_bound(index) != seen.acknowledged.end();
    violate(is_acknowledged ? Property::lost_ack : Property::cut_commit, shard,
            std::string(who) + " leads in epoch " + std::to_string(epoch) + " without " +
                text(index, known));
    return;
  }
}

void Checker::on_read(ShardId shard, std::string_view who, Index acknowledged_before, Index shown) {
  if (shown < acknowledged_before) {
    violate(Property::stale_read, shard,
            std::string(who) + " shows up to " + std::to_string(shown) + ", and " +
                std::to_string(acknowledged_before) + " was acknowledged before");
  }
}

void Checker::on_end(ShardId shard, std::string_view who, Index applied, const LogView& log) {
  const Shard& seen = shards_[shard];
  if (applied < acknowledged(shard)) {
    violate(Property::lost_ack, shard,
            std::string(who) + " has applied up to " + std::to_string(applied) + " of " +
                std::to_string(acknowledged(shard)) + " in the end");
    return;
  }
  for (Index index = log.first(); index <= std::min<Index>(applied, seen.committed.size());
       ++index) {
    if (index > log.last() || log.at(index) != seen.committed[index - 1]) {
      violate(Property::lost_ack, shard,
              std::string(who) + " is without " + text(index, seen.committed[index - 1]) +
                  " in the end");
      return;
    }
  }
}

void Checker::on_stuck(ShardId shard, std::string why) {
  violate(Property::stuck_shard, shard, std::move(why));
}

Checker::Index Checker::acknowledged(ShardId shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() || found->second.acknowledged.empty()
             ? 0
             : *found->second.acknowledged.rbegin();
}

Checker::Index Checker::committed(ShardId shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? 0 : found->second.committed.size();
}

}  // namespace roost::simulation
