// SPDX-License-Identifier: Apache-2.0
// Hash table of numbers: hash -> index of an item that the caller keeps and compares. Open
// addressing, eight bytes a slot, 3/8 to 3/4 full; 32 bits of the hash stand in the slot, so that
// other items are hardly ever looked at and growing needs no item at all.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/base/check.h"

namespace roost::routing {

// Indices are 1 and up.
inline constexpr std::uint32_t kNoIndex = 0;

class IndexTable {
 public:
  // The index for which equal(index) holds among those of this hash; kNoIndex: none.
  template <typename Equal>
  std::uint32_t find(std::uint64_t hash, Equal&& equal) const {
    if (size_ == 0) return kNoIndex;
    const std::uint32_t tag = tag_of(hash);
    for (std::uint32_t at = tag & mask_;; at = (at + 1) & mask_) {
      const Slot slot = slots_[at];
      if (slot.index == kNoIndex) return kNoIndex;
      if (slot.tag == tag && equal(slot.index)) return slot.index;
    }
  }

  // Requires: not in the table with this hash.
  void insert(std::uint64_t hash, std::uint32_t index);
  // Requires: in the table with this hash.
  void erase(std::uint64_t hash, std::uint32_t index);
  // The item moved. Requires: `from` in the table with this hash.
  void replace(std::uint64_t hash, std::uint32_t from, std::uint32_t to) {
    slots_[slot_of(hash, from)].index = to;
  }

  // In an order that the hashes decide.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t at = 0; size_ > 0 && at < capacity(); ++at) {
      if (slots_[at].index != kNoIndex) visit(slots_[at].index);
    }
  }

  std::uint32_t size() const { return size_; }
  std::size_t memory_size() const { return slots_ == nullptr ? 0 : capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t tag;
    std::uint32_t index;
  };
  static constexpr std::size_t kCapacityMin = 8;

  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  std::size_t capacity() const { return std::size_t{mask_} + 1; }
  std::uint32_t slot_of(std::uint64_t hash, std::uint32_t index) const;
  void place(Slot slot);
  void resize(std::size_t capacity);

  std::unique_ptr<Slot[]> slots_;  // null while empty
  std::uint32_t mask_ = 0;         // capacity - 1
  std::uint32_t size_ = 0;
};

}  // namespace roost::routing
