// SPDX-License-Identifier: Apache-2.0
#include "broker/base/hash.h"

#include <bit>
#include <cstring>

namespace roost {

static_assert(std::endian::native == std::endian::little, "hash64 is defined little-endian");

std::uint64_t hash64(std::string_view text, std::uint64_t seed) {
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  std::uint64_t hash = seed ^ (text.size() * kPrime);
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 29;
  }
  std::uint64_t tail = 0;
  if (left > 0) std::memcpy(&tail, at, left);
  return mix64((hash ^ tail) * kPrime);
}

}  // namespace roost
