// SPDX-License-Identifier: Apache-2.0
#include "broker/session/pieced_bytes.h"

#include <algorithm>

#include "broker/base/check.h"

namespace roost::session {

std::size_t PiecedBytes::size() const {
  std::size_t size = bytes.size();
  for (const Piece& piece : pieces) size += piece.bytes.size();
  return size;
}

void PiecedBytes::copy(std::size_t offset, std::size_t size, std::vector<std::uint8_t>& out) const {
  const auto take = [&](ByteView run) {
    const std::size_t skipped = std::min(offset, run.size());
    offset -= skipped;
    const ByteView wanted = run.subspan(skipped, std::min(size, run.size() - skipped));
    out.insert(out.end(), wanted.begin(), wanted.end());
    size -= wanted.size();
  };
  const ByteView all = bytes;
  std::size_t at = 0;
  for (const Piece& piece : pieces) {
    take(all.subspan(at, piece.at - at));
    take(piece.bytes);
    at = piece.at;
  }
  take(all.subspan(at));
  CHECK(size == 0);
}

}  // namespace roost::session
