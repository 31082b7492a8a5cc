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

// Thread: each bit has one writer (its core); reading from any thread.
class SharedInterest {
 public:
  static constexpr std::size_t kBuckets = std::size_t{1} << 18;
  SharedInterest();

  // Bits of all writers that may have a filter matching `topic`.
  std::uint64_t candidates(std::string_view topic) const;

 private:
  friend class InterestWriter;
  struct Free {
    void operator()(std::uint64_t* words) const { std::free(words); }
  };

  // Zero pages from calloc, reached through atomic_ref: a bucket that was never used costs no
  // memory, which an array of std::atomic (constructed, so written) would.
  std::unique_ptr<std::uint64_t[], Free> buckets_;
  std::atomic<std::uint32_t> depths_{
      0};  // lengths of literal fronts in use; bits are never cleared
};

// Counts the filters of one bit (a core), and shows the bit while there is one.
// Thread: core-bound. A bit set here is seen by every candidates() that begins after add returns
// on a thread that was told so (release/acquire through the mailbox).
class InterestWriter {
 public:
  // Requires: bit < 64, one writer a bit.
  InterestWriter(SharedInterest& shared, unsigned bit);
  InterestWriter(InterestWriter&&) noexcept;
  ~InterestWriter();                     // leaves its bits as they are
  void add(std::string_view filter);     // without "$share/group/"
  void remove(std::string_view filter);  // Requires: added before

 private:
  SharedInterest& shared_;
  std::uint64_t mask_;
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
