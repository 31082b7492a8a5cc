// SPDX-License-Identifier: Apache-2.0
// Room for one large packet while it comes in. Grows without copying what is there (pages of its
// own), takes memory only as it is filled, and may be kept by whoever uses the packet.
// Thread: any thread once it is shared; before that wherever its connection is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/base/shared.h"

namespace roost::net {

class PacketBuffer final : public SharedBlock {
 public:
  // Requires: capacity > 0, as of grow().
  explicit PacketBuffer(std::size_t capacity);
  ~PacketBuffer() override;

  std::uint8_t* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }
  // Moves data(). Requires: larger than capacity(), and nobody else has it.
  void grow(std::size_t capacity);

 private:
  std::uint8_t* data_;
  std::size_t capacity_;
};

}  // namespace roost::net
