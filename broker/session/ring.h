// SPDX-License-Identifier: Apache-2.0
// A double-ended row in one power-of-two block that holds nothing while it is empty: thousands of
// idle sessions have several each. (std::deque takes 600 B when empty.)
// Thread: core-bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "broker/base/check.h"

namespace roost::session {

template <typename T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // Requires: index < size().
  T& operator[](std::size_t index) {
    DCHECK(index < size_);
    return block_[(first_ + index) & (capacity_ - 1)];
  }
  const T& operator[](std::size_t index) const { return const_cast<Ring&>(*this)[index]; }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }

  void push_back(T value) {
    if (size_ == capacity_) grow();
    block_[(first_ + size_) & (capacity_ - 1)] = std::move(value);
    ++size_;
  }
  void pop_front() {
    DCHECK(size_ > 0);
    block_[first_] = T();
    first_ = (first_ + 1) & (capacity_ - 1);
    if (--size_ == 0 && capacity_ > kKeptCapacity) clear();
  }
  void clear() {
    block_.reset();
    capacity_ = first_ = size_ = 0;
  }
  // Gives the block back when empty; for sessions that go idle.
  void shrink() {
    if (size_ == 0) clear();
  }

 private:
  static constexpr std::uint32_t kKeptCapacity = 1024;

  void grow() {
    const std::uint32_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
    auto block = std::make_unique<T[]>(capacity);
    for (std::uint32_t i = 0; i < size_; ++i) block[i] = std::move((*this)[i]);
    block_ = std::move(block);
    capacity_ = capacity;
    first_ = 0;
  }

  std::unique_ptr<T[]> block_;
  std::uint32_t capacity_ = 0;
  std::uint32_t first_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace roost::session
