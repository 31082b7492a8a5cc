// SPDX-License-Identifier: Apache-2.0
#include "broker/net/write_queue.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "broker/base/check.h"

namespace roost::net {

namespace {

// With its head the first block stays within malloc's per-thread cache (1032 B).
constexpr std::size_t kFirstSize = 960;
constexpr std::size_t kGrowth = 4;
constexpr std::size_t kLargestSize = kFirstSize * kGrowth * kGrowth * kGrowth;  // 60 KB

}  // namespace

void WriteQueue::append(ByteView bytes) {
  if (!bytes.empty()) std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
}

void WriteQueue::append_shared(ByteView bytes, SharedPtr<const SharedBlock> owner) {
  if (bytes.empty()) return;
  Block* const block = make_block(0);
  block->shared = bytes.data();
  block->owner = std::move(owner);
  block->end = block->capacity = bytes.size();  // full: nothing is packed behind it
  size_ += bytes.size();
}

std::size_t WriteQueue::gather(iovec* out, std::size_t out_max, std::size_t bytes_max) const {
  std::size_t used = 0;
  for (Block* block = first_; block != nullptr && used < out_max && bytes_max > 0;
       block = block->next) {
    const std::size_t size = std::min(block->end - block->begin, bytes_max);
    out[used++] = {const_cast<std::uint8_t*>(block->front()), size};
    bytes_max -= size;
  }
  return used;
}

void WriteQueue::consume(std::size_t size) {
  DCHECK(size <= size_);
  size_ -= size;
  while (first_ != nullptr) {
    const std::size_t here = std::min(size, first_->end - first_->begin);
    first_->begin += here;
    size -= here;
    if (first_->begin < first_->end) return;
    drop_first();
  }
}

void WriteQueue::clear() {
  while (first_ != nullptr) drop_first();
  size_ = 0;
}

void WriteQueue::add_block(std::size_t size_min) {
  const bool packed = last_ != nullptr && last_->shared == nullptr;
  const std::size_t size = packed ? std::min(last_->capacity * kGrowth, kLargestSize) : kFirstSize;
  make_block(std::max(size, size_min));
}

WriteQueue::Block* WriteQueue::make_block(std::size_t capacity) {
  auto* const block = ::new (::operator new(sizeof(Block) + capacity)) Block;
  block->capacity = capacity;
  (last_ != nullptr ? last_->next : first_) = block;
  last_ = block;
  return block;
}

void WriteQueue::drop_first() {
  Block* const block = std::exchange(first_, first_->next);
  if (first_ == nullptr) last_ = nullptr;
  block->~Block();
  ::operator delete(block);
}

}  // namespace roost::net
