// SPDX-License-Identifier: Apache-2.0
#include "broker/mqtt/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace roost::mqtt {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighBits = 0x8080808080808080;

constexpr std::uint64_t filled_with(char c) { return kOnes * static_cast<unsigned char>(c); }

std::uint64_t load(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// 1 to 7 bytes as a word; bytes beside them repeat some of them.
std::uint64_t load_short(const char* at, std::size_t size) {
  if (size >= 4) {
    std::uint32_t front, back;
    std::memcpy(&front, at, sizeof front);
    std::memcpy(&back, at + size - 4, sizeof back);
    return (std::uint64_t{back} << 32) | front;
  }
  const auto byte = [at](std::size_t i) {
    return std::uint64_t{static_cast<unsigned char>(at[i])};
  };
  return filled_with('a') << 24 | byte(size - 1) << 16 | byte(size / 2) << 8 | byte(0);
}

// Non-zero if one of the eight bytes needs a closer look: not ASCII, U+0000, for names a control
// character, for topics a wildcard. Subtracting borrows only past a byte that is reported anyway.
template <bool kName, bool kTopic>
std::uint64_t odd_bytes(std::uint64_t word) {
  std::uint64_t odd = word;
  if constexpr (kName) {
    odd |= (word - filled_with(0x20)) | (word + kOnes);
  } else {
    odd |= word - kOnes;
  }
  if constexpr (kTopic) {
    odd |= ((word ^ filled_with('+')) - kOnes) | ((word ^ filled_with('#')) - kOnes);
  }
  return odd & kHighBits;
}

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  // bytes; 0: not well-formed
};

// Table 3-7 of the Unicode standard: shortest form only, no surrogates, up to U+10FFFF.
CodePoint code_point(const char* at, const char* end) {
  const auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xC2 || lead > 0xF4) return {};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (static_cast<std::size_t>(end - at) < size) return {};
  std::uint32_t value = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  const bool overlong = value < (size == 3 ? 0x800U : size == 4 ? 0x10000U : 0x80U);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) return {};
  return {value, size};
}

bool is_control(std::uint32_t value) { return value < 0x20 || (value >= 0x7F && value <= 0x9F); }

template <bool kName, bool kTopic>
TopicText scan(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  bool wildcard = false;
  while (at != end) {
    const std::size_t size = std::min(static_cast<std::size_t>(end - at), sizeof(std::uint64_t));
    const std::uint64_t word = size == sizeof(std::uint64_t) ? load(at) : load_short(at, size);
    if (odd_bytes<kName, kTopic>(word) == 0) [[likely]] {
      at += size;
      continue;
    }
    for (const char* const stop = at + size; at < stop;) {
      const CodePoint point = code_point(at, end);
      if (point.size == 0 || point.value == 0) return TopicText::invalid;
      if (kName && is_control(point.value)) return TopicText::invalid;
      if (kTopic && (point.value == '+' || point.value == '#')) wildcard = true;
      at += point.size;
    }
  }
  return wildcard ? TopicText::wildcard : TopicText::plain;
}

}  // namespace

bool is_valid_utf8(std::string_view text) { return scan<false, false>(text) == TopicText::plain; }

bool is_valid_name(std::string_view text) { return scan<true, false>(text) == TopicText::plain; }

TopicText scan_topic(std::string_view text) { return scan<true, true>(text); }

}  // namespace roost::mqtt
