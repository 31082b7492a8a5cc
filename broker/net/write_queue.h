// SPDX-License-Identifier: Apache-2.0
// Bytes that wait for the socket, in order: copied ones packed into blocks, large ones kept by a
// reference to their owner. An empty queue owns no memory. The first block fits malloc's fastest
// bins, the next ones grow to 64 KB, so a steady trickle costs no more than a backlog.
// Thread: wherever its connection is.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "broker/base/bytes.h"
#include "broker/base/shared.h"

namespace roost::net {

class WriteQueue {
 public:
  WriteQueue() = default;
  WriteQueue(WriteQueue&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)),
        last_(std::exchange(other.last_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  WriteQueue& operator=(WriteQueue&& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~WriteQueue() { clear(); }

  std::size_t size() const { return size_; }  // bytes
  bool empty() const { return size_ == 0; }

  // Contiguous room at the end, counted as written; to be filled before any other call.
  std::uint8_t* room(std::size_t size) {
    if (last_ == nullptr || last_->capacity - last_->end < size) add_block(size);
    std::uint8_t* const room = last_->data() + last_->end;
    last_->end += size;
    size_ += size;
    return room;
  }
  void append(ByteView bytes);
  void append_shared(ByteView bytes, SharedPtr<const SharedBlock> owner);

  // Fills `out` from the front, up to `bytes_max` in all; returns how many entries were used.
  std::size_t gather(iovec* out, std::size_t out_max, std::size_t bytes_max = SIZE_MAX) const;
  // Drops `size` bytes from the front. Requires: size <= size().
  void consume(std::size_t size);
  void clear();

 private:
  // Followed by `capacity` bytes of its own; a shared one has none and points elsewhere.
  struct Block {
    Block* next = nullptr;
    const std::uint8_t* shared = nullptr;
    SharedPtr<const SharedBlock> owner;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t capacity = 0;

    std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
    const std::uint8_t* front() { return (shared != nullptr ? shared : data()) + begin; }
  };
  void add_block(std::size_t size_min);
  Block* make_block(std::size_t capacity);
  void drop_first();

  Block* first_ = nullptr;
  Block* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace roost::net
