// SPDX-License-Identifier: Apache-2.0
// Items under numbers that stay theirs until they are removed; numbers are reused, 0 is nobody's.
// Items stand in chunks, so growing copies nothing and leaves no slack. When the last item goes,
// so does the memory. Thread: core-bound.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "broker/base/check.h"

namespace roost::routing {

template <typename Item>
class Pool {
  // What an item owns is given back by the pool's owner before remove().
  static_assert(std::is_trivially_copyable_v<Item> && sizeof(Item) >= sizeof(std::uint32_t));

 public:
  std::uint32_t add(const Item& item) {
    std::uint32_t index = free_;
    if (index != 0) {
      std::memcpy(&free_, &(*this)[index], sizeof(free_));
    } else {
      index = ++highest_;
      CHECK(index != 0);
      if ((index >> kChunkBits) == chunks_.size()) {
        chunks_.push_back(std::make_unique_for_overwrite<Item[]>(kChunk));
      }
    }
    ++size_;
    (*this)[index] = item;
    return index;
  }

  // Requires: index was given by add.
  void remove(std::uint32_t index) {
    DCHECK(size_ > 0);
    if (--size_ == 0) {
      *this = Pool();
      return;
    }
    std::memcpy(static_cast<void*>(&(*this)[index]), &free_, sizeof(free_));
    free_ = index;
  }

  Item& operator[](std::uint32_t index) {
    return chunks_[index >> kChunkBits][index & (kChunk - 1)];
  }
  const Item& operator[](std::uint32_t index) const {
    return chunks_[index >> kChunkBits][index & (kChunk - 1)];
  }

  std::uint32_t size() const { return size_; }
  std::size_t memory_size() const {
    return chunks_.size() * kChunk * sizeof(Item) + chunks_.capacity() * sizeof(chunks_[0]);
  }

 private:
  static constexpr unsigned kChunkBits = 7;
  static constexpr std::uint32_t kChunk = 1U << kChunkBits;

  std::vector<std::unique_ptr<Item[]>> chunks_;
  std::uint32_t free_ = 0;     // the free one to take next; each holds the number of another
  std::uint32_t highest_ = 0;  // numbers above it were never given
  std::uint32_t size_ = 0;
};

}  // namespace roost::routing
