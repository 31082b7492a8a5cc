// SPDX-License-Identifier: Apache-2.0
// One 64-bit hash for everything that is placed by hash (shards, cores, interest buckets).
// It is part of what is stored on disk and agreed between nodes: never change it.
// Thread: any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace roost {

// Mixes 64 bits so that every input bit reaches every output bit (splitmix64's finalizer).
inline std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// FNV-1a over eight bytes at a time, little-endian, finished by mix64. Tables that strangers
// can fill take a random seed.
std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0xcbf29ce484222325ULL);

}  // namespace roost
