// SPDX-License-Identifier: Apache-2.0
// A double-ended row in one power-of-two block. While it is empty it is a null pointer: thousands
// of idle sessions have several each, a million sleeping ones have one. (std::deque takes 600 B
// when empty.)
// Thread: core-bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "broker/base/check.h"

namespace roost::session {

template <typename T>
class Ring {
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

 public:
  bool empty() const { return size() == 0; }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  // Requires: index < size().
  T& operator[](std::size_t index) {
    DCHECK(index < size());
    return block_->item(index);
  }
  const T& operator[](std::size_t index) const { return const_cast<Ring&>(*this)[index]; }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size() - 1]; }

  void push_back(T value) {
    if (block_ == nullptr || block_->size == block_->capacity) grow();
    block_->item(block_->size++) = std::move(value);
  }
  void pop_front() {
    DCHECK(size() > 0);
    block_->item(0) = T();
    block_->first = (block_->first + 1) & (block_->capacity - 1);
    if (--block_->size == 0 && block_->capacity > kKeptCapacity) clear();
  }
  void clear() { block_.reset(); }
  // Gives the block back when empty; for sessions that go idle.
  void shrink() {
    if (empty()) clear();
  }

 private:
  static constexpr std::uint32_t kKeptCapacity = 1024;

  // The items stand behind it, all of them constructed.
  struct Block {
    std::uint32_t capacity, first, size;

    T* items() { return reinterpret_cast<T*>(reinterpret_cast<char*>(this) + kItemsAt); }
    T& item(std::size_t index) { return items()[(first + index) & (capacity - 1)]; }
  };
  struct Free {
    void operator()(Block* block) const {
      std::destroy_n(block->items(), block->capacity);
      ::operator delete(block);
    }
  };
  using BlockPtr = std::unique_ptr<Block, Free>;
  static constexpr std::size_t kItemsAt =
      (sizeof(Block) + alignof(T) - 1) / alignof(T) * alignof(T);

  static BlockPtr make_block(std::uint32_t capacity) {
    void* const memory = ::operator new(kItemsAt + capacity * sizeof(T));
    auto* const block = new (memory) Block{capacity, 0, 0};
    std::uninitialized_value_construct_n(block->items(), capacity);
    return BlockPtr(block);
  }

  void grow() {
    BlockPtr grown = make_block(block_ == nullptr ? 4 : block_->capacity * 2);
    for (; grown->size < size(); ++grown->size)
      grown->item(grown->size) = std::move((*this)[grown->size]);
    block_ = std::move(grown);
  }

  BlockPtr block_;
};

}  // namespace roost::session
