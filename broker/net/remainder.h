// SPDX-License-Identifier: Apache-2.0
// The front part of a packet whose rest has not come yet. Empty ones own no memory. Once the
// packet's size is known the buffer is made that large, so that a big packet is received in place;
// over 1 MB it grows with what has really come, because announcing costs a stranger nothing.
// Thread: wherever its connection is.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/base/bytes.h"
#include "broker/net/packet_buffer.h"

namespace roost::net {

class Remainder {
 public:
  Remainder() = default;
  Remainder(const Remainder&) = delete;
  Remainder& operator=(const Remainder&) = delete;

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  ByteView bytes() const { return {data(), size_}; }
  // Bytes below which nobody wants to see it; 0: any more will do.
  std::size_t wanted() const { return wanted_; }
  // Large ones are received in place; small ones are copied in front of the next read.
  bool is_large() const { return wanted_ > kLarge || size_ > kLarge; }

  // Becomes `rest`, which may be a part of bytes().
  void keep(ByteView rest, std::uint64_t wanted);
  void append(ByteView more);
  // Room behind the bytes to receive into, never empty; then added().
  MutableByteView room();
  void added(std::size_t size) { size_ += static_cast<std::uint32_t>(size); }
  // Who holds it keeps bytes() as they are, beyond the next call. Null for all but large packets.
  SharedPtr<const SharedBlock> share();
  void clear() {
    small_.reset();
    large_ = {};
    is_shared_ = false;
    size_ = capacity_ = wanted_ = 0;
  }

 private:
  static constexpr std::size_t kLarge = 16 * 1024;
  static constexpr std::size_t kSmallest = 64;
  static constexpr std::size_t kAnnouncedMax = 1024 * 1024;  // above: a PacketBuffer
  std::uint8_t* data() const { return large_ ? large_->data() : small_.get(); }
  std::size_t larger_capacity() const;
  void grow(std::size_t capacity);
  void make(std::size_t capacity);

  std::unique_ptr<std::uint8_t[]> small_;
  SharedPtr<PacketBuffer> large_;  // instead of small_
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t wanted_ = 0;
  bool is_shared_ = false;  // large_ belongs to others as well
};

}  // namespace roost::net
