// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/index_table.h"

#include <utility>

namespace roost::routing {

void IndexTable::place(Slot slot) {
  std::uint32_t at = slot.tag & mask_;
  while (slots_[at].index != kNoIndex) at = (at + 1) & mask_;
  slots_[at] = slot;
}

void IndexTable::resize(std::size_t capacity) {
  CHECK(capacity <= std::size_t{1} << 32);
  const std::size_t before = slots_ == nullptr ? 0 : this->capacity();
  const auto old = std::exchange(slots_, std::make_unique<Slot[]>(capacity));
  mask_ = static_cast<std::uint32_t>(capacity - 1);
  for (std::size_t i = 0; i < before; ++i) {
    if (old[i].index != kNoIndex) place(old[i]);
  }
}

void IndexTable::insert(std::uint64_t hash, std::uint32_t index) {
  DCHECK(index != kNoIndex);
  if (slots_ == nullptr) {
    resize(kCapacityMin);
  } else if ((std::size_t{size_} + 1) * 4 > capacity() * 3) {
    resize(capacity() * 2);
  }
  ++size_;
  place({tag_of(hash), index});
}

std::uint32_t IndexTable::slot_of(std::uint64_t hash, std::uint32_t index) const {
  CHECK(size_ > 0);
  const std::uint32_t tag = tag_of(hash);
  std::uint32_t at = tag & mask_;
  while (slots_[at].index != index || slots_[at].tag != tag) {
    CHECK(slots_[at].index != kNoIndex);
    at = (at + 1) & mask_;
  }
  return at;
}

void IndexTable::erase(std::uint64_t hash, std::uint32_t index) {
  std::uint32_t hole = slot_of(hash, index);
  if (--size_ == 0) {
    slots_.reset();
    mask_ = 0;
    return;
  }
  // Close the gap: whoever was pushed past it by others moves back.
  for (std::uint32_t at = (hole + 1) & mask_; slots_[at].index != kNoIndex; at = (at + 1) & mask_) {
    const std::uint32_t home = slots_[at].tag & mask_;
    if (((at - home) & mask_) < ((at - hole) & mask_)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole].index = kNoIndex;
  if (capacity() > kCapacityMin && std::size_t{size_} * 8 < capacity()) resize(capacity() / 2);
}

}  // namespace roost::routing
