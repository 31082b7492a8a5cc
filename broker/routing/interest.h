// SPDX-License-Identifier: Apache-2.0
// Who might want a topic, as bit masks: never misses, may say yes too often. Each filter is put
// down under the hash of its literal front (all of an exact filter), a topic asks for each of its
// prefixes. So a publisher's core learns in a few loads which cores to send to, without a lock and
// without a second copy of the filters; exact matching is done where the subscribers are.
// Decision: README.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace roost::routing {

// Thread: each bit has one writer (its core); reading from any thread.
class SharedInterest {
 public:
  static constexpr std::size_t kBuckets = std::size_t{1} << 18;
  SharedInterest();

  // Bits of all writers that may have a filter matching `topic`.
  std::uint64_t candidates(std::string_view topic) const;

 private:
  friend class InterestWriter;
  std::unique_ptr<std::atomic<std::uint64_t>[]> buckets_;
  std::atomic<std::uint32_t> wildcard_depth_{0};  // deepest literal front of a wildcard filter, +1
};

// Counts the filters of one bit (a core), and shows the bit while there is one.
// Thread: core-bound. A bit set here is seen by every candidates() that begins after add returns
// on a thread that was told so (release/acquire through the mailbox).
class InterestWriter {
 public:
  // Requires: bit < 64, one writer a bit.
  InterestWriter(SharedInterest& shared, unsigned bit);
  void add(std::string_view filter);     // without "$share/group/"
  void remove(std::string_view filter);  // Requires: added before

 private:
  SharedInterest& shared_;
  std::uint64_t mask_;
  std::vector<std::uint32_t> counts_;
};

// The same without sharing: slots are a core's own shards. Thread: core-bound.
class SlotInterest {
 public:
  void add(std::string_view filter, unsigned slot);     // Requires: slot < 64
  void remove(std::string_view filter, unsigned slot);
  std::uint64_t candidates(std::string_view topic) const;
};

}  // namespace roost::routing
