// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/interest_feed.h"

#include <bit>
#include <utility>

#include "broker/base/check.h"

namespace roost::routing {

using Kind = InterestChange::Kind;

namespace {

std::uint64_t bit_of(ShardId shard) { return std::uint64_t{1} << shard.value; }

InterestOwner owner_of(ShardId shard) { return static_cast<InterestOwner>(shard.value); }

}  // namespace

bool InterestFeed::add(InterestChange change) {
  version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (reader_ == nullptr) return false;
  changes_.push_back(change);
  return changes_.size() == 1;
}

void InterestFeed::begin(ShardId shard, std::uint64_t epoch) {
  CHECK(shard.value < kClusterShardsMax);
  const std::lock_guard lock(mutex_);
  DCHECK((own_shards() & bit_of(shard)) == 0);
  own_.store(own_shards() | bit_of(shard), std::memory_order_relaxed);
  epochs_[shard.value] = epoch;
  set_unsure();
  turn_over_all([&] { shards_.clear_everywhere(bit_of(shard)); });
}

void InterestFeed::lead(ShardId shard) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    DCHECK((own_shards() & bit_of(shard)) != 0 && (said_ & bit_of(shard)) == 0);
    said_ |= bit_of(shard);
    is_first = add({Kind::leads, owner_of(shard), epochs_[shard.value]});
    shards_.for_each(bit_of(shard), [&](std::uint32_t bucket, std::uint64_t) {
      is_first |= add({Kind::on, owner_of(shard), bucket});
    });
    turn_over_all([&] { set_unsure(); });
  }
  tell(is_first);
}

void InterestFeed::end(ShardId shard) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    if (reader_ != nullptr) ended_ |= bit_of(shard);
    said_ &= ~bit_of(shard);
    set_unsure();
    turn_over_all([&] { shards_.clear_everywhere(bit_of(shard)); });
    own_.store(own_shards() & ~bit_of(shard), std::memory_order_relaxed);
    set_unsure();
    is_first = add({Kind::ends, owner_of(shard), 0});
  }
  tell(is_first);
}

void InterestFeed::use_depths(InterestOwner owner, std::uint32_t depths) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    std::uint32_t& known = owner == kVolatiles ? volatile_depths_ : shard_depths_;
    if ((known & depths) == depths) return;
    known |= depths;
    is_first = add({Kind::depths, owner, depths});
  }
  tell(is_first);
}

void InterestFeed::show(SharedInterest& table, InterestOwner owner, std::uint32_t bucket,
                        std::uint64_t mask) {
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t before = table.set(bucket, mask);
    const bool is_news = owner != kVolatiles || before == 0;
    if (is_news && is_said(owner)) is_first = add({Kind::on, owner, bucket});
  }
  tell(is_first);
}

std::uint64_t InterestFeed::hide(SharedInterest& table, InterestOwner owner, std::uint32_t bucket,
                                 std::uint64_t mask) {
  bool is_first = false;
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    before = table.clear(bucket, mask);
    const bool is_news = owner != kVolatiles || (before & ~mask) == 0;
    if (is_news && is_said(owner)) is_first = add({Kind::off, owner, bucket});
  }
  tell(is_first);
  return before;
}

void InterestFeed::forget(ShardId shard) {
  const std::lock_guard lock(mutex_);
  ended_ &= ~bit_of(shard);
  set_unsure();
}

InterestFeed::Part InterestFeed::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(changes_, {}), version()};
}

InterestFeed::Whole InterestFeed::take_whole() {
  const std::lock_guard lock(mutex_);
  Whole whole{{std::exchange(changes_, {}), version()}, {}};
  InterestChanges& all = whole.all;
  if (shard_depths_ != 0) all.push_back({Kind::depths, 0, shard_depths_});
  if (volatile_depths_ != 0) all.push_back({Kind::depths, kVolatiles, volatile_depths_});
  for (std::uint64_t left = said_; left != 0; left &= left - 1) {
    const auto shard = static_cast<InterestOwner>(std::countr_zero(left));
    all.push_back({Kind::leads, shard, epochs_[shard]});
  }
  shards_.for_each(said_, [&](std::uint32_t bucket, std::uint64_t bits) {
    for (; bits != 0; bits &= bits - 1) {
      all.push_back({Kind::on, static_cast<InterestOwner>(std::countr_zero(bits)), bucket});
    }
  });
  volatiles_.for_each(~std::uint64_t{0}, [&](std::uint32_t bucket, std::uint64_t) {
    all.push_back({Kind::on, kVolatiles, bucket});
  });
  return whole;
}

}  // namespace roost::routing
