// SPDX-License-Identifier: Apache-2.0
// Who might want a topic, as bit masks: never misses, may say yes too often. Each filter is put
// down under the hash of its literal front (all of an exact filter), a topic asks for each of its
// prefixes. So a publisher's core learns in a few loads which cores to send to, without a lock and
// without a second copy of the filters; exact matching is done where the subscribers are.
// Decision: README.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace roost::routing {

template <typename Key>
class RepeatCounts;
class InterestFeed;

// Thread: each bit has one writer at a time; reading from any thread.
class SharedInterest {
 public:
  static constexpr std::size_t kBuckets = std::size_t{1} << 18;
  SharedInterest();

  // Bits of all writers that may have a filter matching `topic`.
  std::uint64_t candidates(std::string_view topic) const;

  // --- bits whose filters are elsewhere: what that side said of its own table ---
  // The word before. Requires: bucket < kBuckets.
  std::uint64_t set(std::uint32_t bucket, std::uint64_t bits) {
    return word(bucket).fetch_or(bits, std::memory_order_relaxed);
  }
  std::uint64_t clear(std::uint32_t bucket, std::uint64_t bits) {
    return word(bucket).fetch_and(~bits, std::memory_order_relaxed);
  }
  void clear_everywhere(std::uint64_t bits);  // looks at the whole table
  // Depths in use must be known before the first bucket that needs them.
  std::uint32_t depths() const { return depths_.load(std::memory_order_relaxed); }
  void add_depths(std::uint32_t depths) {
    if ((this->depths() & depths) != depths) depths_.fetch_or(depths, std::memory_order_relaxed);
  }
  // visit(bucket, bits): every bucket in which one of `bits` is set. Looks at the whole table.
  template <typename Visit>
  void for_each(std::uint64_t bits, Visit&& visit) const {
    for (std::uint32_t at = 0; at < kBuckets; ++at) {
      const std::uint64_t found = word(at).load(std::memory_order_relaxed) & bits;
      if (found != 0) visit(at, found);
    }
  }

 private:
  friend class InterestWriter;
  std::atomic_ref<std::uint64_t> word(std::uint32_t bucket) const {
    return std::atomic_ref<std::uint64_t>(buckets_[bucket]);
  }
  struct Free {
    void operator()(std::uint64_t* words) const { std::free(words); }
  };

  // Zero pages from calloc, reached through atomic_ref: a bucket that was never used costs no
  // memory, which an array of std::atomic (constructed, so written) would.
  std::unique_ptr<std::uint64_t[], Free> buckets_;
  std::atomic<std::uint32_t> depths_{
      0};  // lengths of literal fronts in use; bits are never cleared
};

// Whose filters a change of a bit is about: a shard, or all of a node that live in memory only.
using InterestOwner = std::uint8_t;
inline constexpr InterestOwner kVolatiles = 64;

// Counts the filters of one bit (a core; a shard), and shows the bit while there is one.
// Thread: core-bound. A bit set here is seen by every candidates() that begins after add returns
// on a thread that was told so (release/acquire through the mailbox).
class InterestWriter {
 public:
  // Requires: bit < 64, one writer a bit.
  InterestWriter(SharedInterest& shared, unsigned bit);
  // In a cluster: the feed is told of what changes. For the bit of a shard only after
  // InterestFeed::begin().
  InterestWriter(SharedInterest& shared, unsigned bit, InterestFeed& feed, InterestOwner owner);
  InterestWriter(InterestWriter&&) noexcept;
  ~InterestWriter();                     // leaves its bits as they are
  void add(std::string_view filter);     // without "$share/group/"
  void remove(std::string_view filter);  // Requires: added before

 private:
  void use_depths(std::uint32_t depths);
  void show(std::uint32_t bucket);
  void hide(std::uint32_t bucket);

  SharedInterest& shared_;
  std::uint64_t mask_;
  InterestFeed* feed_ = nullptr;  // null: a node alone
  InterestOwner owner_ = kVolatiles;
  std::uint32_t depths_said_ = 0;  // to the feed
  // By bucket; beyond the one that the bit stands for.
  std::unique_ptr<RepeatCounts<std::uint32_t>> repeats_;
};

// The same without sharing: slots are a core's own shards. Thread: core-bound.
class SlotInterest {
 public:
  SlotInterest();
  ~SlotInterest();
  SlotInterest(const SlotInterest&) = delete;
  SlotInterest& operator=(const SlotInterest&) = delete;

  void add(std::string_view filter, unsigned slot);     // Requires: slot < 64
  void remove(std::string_view filter, unsigned slot);  // Requires: added before
  std::uint64_t candidates(std::string_view topic) const;

 private:
  struct Table;
  std::unique_ptr<Table> table_;  // null while nothing was ever added
};

}  // namespace roost::routing
