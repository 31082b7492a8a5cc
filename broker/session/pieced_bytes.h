// SPDX-License-Identifier: Apache-2.0
// Encoded bytes whose large payloads weren't copied: they stand where they are and are named here,
// to be copied a part at a time.
// Thread: any thread (values). What the pieces view must outlive them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/base/bytes.h"

namespace roost::session {

struct PiecedBytes {
  // Payloads from here on are pieces.
  static constexpr std::size_t kPieceMin = std::size_t{1} << 20;
  struct Piece {
    std::size_t at = 0;  // in front of bytes[at]
    ByteView bytes;
  };

  std::vector<std::uint8_t> bytes;
  std::vector<Piece> pieces;  // by place

  std::size_t size() const;  // pieces included
  // Appends `size` bytes from `offset` on. Requires: offset + size <= size().
  void copy(std::size_t offset, std::size_t size, std::vector<std::uint8_t>& out) const;
  void clear() {
    bytes.clear();
    pieces.clear();
  }
};

}  // namespace roost::session
