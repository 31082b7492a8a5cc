// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/peer_frames.h"

namespace roost::gates {

namespace {

template <typename Number>
void put(Number number, char* to) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) to[i] = static_cast<char>(number >> (8 * i));
}

std::uint32_t get(std::string_view bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  }
  return number;
}

}  // namespace

std::size_t begin_frame(PeerFrameKind kind, std::uint16_t to, std::string& chunk) {
  const std::size_t begun = chunk.size();
  chunk.resize(begun + kPeerFrameHead);
  chunk[begun] = static_cast<char>(kind);
  put(to, &chunk[begun + 1]);
  return begun;
}

void end_frame(std::size_t begun, std::string& chunk) {
  put(static_cast<std::uint32_t>(chunk.size() - begun - kPeerFrameHead), &chunk[begun + 3]);
}

void add_frame(PeerFrameKind kind, std::uint16_t to, ByteView bytes, std::string& chunk) {
  const std::size_t begun = begin_frame(kind, to, chunk);
  chunk.append(as_text(bytes));
  end_frame(begun, chunk);
}

bool PeerFrameReader::next(PeerFrame& frame) {
  if (rest_.empty()) return false;
  if (rest_.size() < kPeerFrameHead || rest_.size() - kPeerFrameHead < get(rest_.substr(3, 4))) {
    broken_ = true;
    return false;
  }
  const std::uint32_t size = get(rest_.substr(3, 4));
  frame.kind = static_cast<PeerFrameKind>(rest_[0]);
  frame.to = static_cast<std::uint16_t>(get(rest_.substr(1, 2)));
  frame.bytes = as_bytes(rest_.substr(kPeerFrameHead, size));
  rest_.remove_prefix(kPeerFrameHead + size);
  return true;
}

}  // namespace roost::gates
