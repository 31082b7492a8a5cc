// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/interest.h"

#include <bit>
#include <new>

#include "broker/base/check.h"
#include "broker/routing/index_table.h"
#include "broker/routing/interest_feed.h"
#include "broker/routing/interest_key.h"
#include "broker/routing/pool.h"
#include "broker/routing/repeat_counts.h"

namespace roost::routing {

namespace {

// In depths_: some filter was put down, if only an exact one.
constexpr std::uint32_t kUsed = std::uint32_t{1} << 31;
static_assert(kFrontMax < 31);

std::uint32_t shared_bucket(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash % SharedInterest::kBuckets);
}

std::uint64_t* zero_words(std::size_t count) {
  void* words = std::calloc(count, sizeof(std::uint64_t));
  if (words == nullptr) throw std::bad_alloc();
  return static_cast<std::uint64_t*>(words);
}

}  // namespace

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

// All accesses are relaxed: a bit carries no data besides itself, and each operation on one word is
// in that word's single order. What a reader must see is told it by its mailbox (release by the
// writer after add(), acquire by the reader), and a load that comes after such a message cannot
// read anything older than the bit, in the bucket as in depths_.

SharedInterest::SharedInterest() : buckets_(zero_words(kBuckets)) {}

std::uint64_t SharedInterest::candidates(std::string_view topic) const {
  const std::uint32_t depths = depths_.load(std::memory_order_relaxed);
  if (depths == 0) return 0;  // no filter ever: most nodes have no durable sessions
  std::uint64_t bits = 0;
  for_topic_keys(topic, depths & ~kUsed, [&](std::uint64_t hash) {
    bits |= word(shared_bucket(hash)).load(std::memory_order_relaxed);
  });
  return bits;
}

void SharedInterest::clear_everywhere(std::uint64_t bits) {
  for_each(bits, [&](std::uint32_t bucket, std::uint64_t found) { clear(bucket, found); });
}

InterestWriter::InterestWriter(SharedInterest& shared, unsigned bit)
    : shared_(shared),
      mask_(std::uint64_t{1} << bit),
      repeats_(std::make_unique<RepeatCounts<std::uint32_t>>()) {
  DCHECK(bit < 64);
}

InterestWriter::InterestWriter(SharedInterest& shared, unsigned bit, InterestFeed& feed,
                               InterestOwner owner)
    : InterestWriter(shared, bit) {
  feed_ = &feed;
  owner_ = owner;
}

InterestWriter::InterestWriter(InterestWriter&&) noexcept = default;
InterestWriter::~InterestWriter() = default;

void InterestWriter::add(std::string_view filter) {
  const FilterKey key = filter_key(filter);
  use_depths(key.depth_bit | kUsed);
  const std::uint32_t bucket = shared_bucket(key.hash);
  if ((shared_.word(bucket).load(std::memory_order_relaxed) & mask_) != 0) {
    repeats_->add(bucket);
  } else {
    show(bucket);
  }
}

void InterestWriter::remove(std::string_view filter) {
  const std::uint32_t bucket = shared_bucket(filter_key(filter).hash);
  if (!repeats_->remove(bucket)) hide(bucket);
}

void InterestWriter::use_depths(std::uint32_t depths) {
  shared_.add_depths(depths);
  if (feed_ == nullptr || (depths_said_ & depths) == depths) return;
  feed_->use_depths(owner_, depths);
  depths_said_ |= depths;
}

void InterestWriter::show(std::uint32_t bucket) {
  if (feed_ != nullptr) {
    feed_->show(shared_, owner_, bucket, mask_);
  } else {
    shared_.set(bucket, mask_);
  }
}

void InterestWriter::hide(std::uint32_t bucket) {
  const std::uint64_t before =
      feed_ != nullptr ? feed_->hide(shared_, owner_, bucket, mask_) : shared_.clear(bucket, mask_);
  CHECK((before & mask_) != 0);
}

// Eight bytes a front: the upper half of its hash, which tells filters apart well enough (a
// collision only says yes too often), and whose it is: nearly always one slot's.
struct SlotInterest::Table {
  static constexpr std::uint32_t kSlots = 64;
  static std::uint64_t repeat_key(std::uint64_t hash, unsigned slot) {
    return hash >> 32 << 6 | slot;
  }

  std::uint64_t mask_of(std::uint32_t index) const {
    return index <= kSlots ? std::uint64_t{1} << (index - 1) : several[index - kSlots];
  }
  std::uint32_t find(std::uint64_t hash) const {
    return fronts.find(hash, [](std::uint32_t) { return true; });
  }
  // The front's slots were those of `index`; from now on they are `mask`.
  void change(std::uint64_t hash, std::uint32_t index, std::uint64_t mask);

  IndexTable fronts;  // -> slot + 1, or kSlots + where its mask stands
  Pool<std::uint64_t> several;
  RepeatCounts<std::uint64_t> repeats;
  std::uint32_t depths = 0;  // as in SharedInterest
};

void SlotInterest::Table::change(std::uint64_t hash, std::uint32_t index, std::uint64_t mask) {
  const bool is_one = std::has_single_bit(mask);
  if (index > kSlots && !is_one && mask != 0) {
    several[index - kSlots] = mask;
    return;
  }
  if (mask == 0) {
    fronts.erase(hash, index);
  } else {
    const std::uint32_t to = is_one ? static_cast<std::uint32_t>(std::countr_zero(mask)) + 1
                                    : kSlots + several.add(mask);
    if (index == kNoIndex) {
      fronts.insert(hash, to);
    } else {
      fronts.replace(hash, index, to);
    }
  }
  if (index > kSlots) several.remove(index - kSlots);
}

SlotInterest::SlotInterest() = default;
SlotInterest::~SlotInterest() = default;

void SlotInterest::add(std::string_view filter, unsigned slot) {
  DCHECK(slot < Table::kSlots);
  if (table_ == nullptr) table_ = std::make_unique<Table>();
  const FilterKey key = filter_key(filter);
  table_->depths |= key.depth_bit;
  const std::uint32_t index = table_->find(key.hash);
  const std::uint64_t mask = index == kNoIndex ? 0 : table_->mask_of(index);
  const std::uint64_t bit = std::uint64_t{1} << slot;
  if ((mask & bit) != 0) {
    table_->repeats.add(Table::repeat_key(key.hash, slot));
  } else {
    table_->change(key.hash, index, mask | bit);
  }
}

void SlotInterest::remove(std::string_view filter, unsigned slot) {
  DCHECK(slot < Table::kSlots && table_ != nullptr);
  const std::uint64_t hash = filter_key(filter).hash;
  if (table_->repeats.remove(Table::repeat_key(hash, slot))) return;
  const std::uint32_t index = table_->find(hash);
  CHECK(index != kNoIndex);
  const std::uint64_t mask = table_->mask_of(index);
  const std::uint64_t bit = std::uint64_t{1} << slot;
  CHECK((mask & bit) != 0);
  table_->change(hash, index, mask & ~bit);
}

std::uint64_t SlotInterest::candidates(std::string_view topic) const {
  if (table_ == nullptr || table_->fronts.size() == 0) return 0;
  std::uint64_t bits = 0;
  for_topic_keys(topic, table_->depths, [&](std::uint64_t hash) {
    const std::uint32_t index = table_->find(hash);
    if (index != kNoIndex) bits |= table_->mask_of(index);
  });
  return bits;
}

}  // namespace roost::routing
