// SPDX-License-Identifier: Apache-2.0
// Hashing for tables in memory that strangers fill (topics, filters, client ids): folded
// multiplication as in wyhash, but with both secrets drawn at start. hash64 (broker/base) must stay
// as it is for ever and can be made to collide under any seed; this one is nobody's promise.
// Thread: any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace roost::routing {

struct TableKey {
  std::uint64_t a = 0, b = 0;
};

// Random, the same for the life of the process. No output may depend on it.
const TableKey& process_key();

// 64 x 64 -> 128 bits, both halves folded together.
inline std::uint64_t fold64(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load64(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

inline std::uint64_t load32(const char* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

inline std::uint64_t table_hash(std::string_view text, const TableKey& key,
                                std::uint64_t start = 0) {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t state = start ^ key.b;
  for (; left > 16; at += 16, left -= 16) {
    state = fold64(load64(at) ^ key.a, load64(at + 8) ^ state);
  }
  std::uint64_t head = 0, tail = 0;
  if (left >= 8) {
    head = load64(at);
    tail = load64(at + left - 8);
  } else if (left >= 4) {
    head = load32(at);
    tail = load32(at + left - 4);
  } else if (left > 0) {
    head = static_cast<std::uint8_t>(at[0]);
    tail = static_cast<std::uint64_t>(static_cast<std::uint8_t>(at[left / 2])) << 8 |
           static_cast<std::uint8_t>(at[left - 1]);
  }
  return fold64(fold64(head ^ key.a, tail ^ state), key.b ^ text.size());
}

inline std::uint64_t table_hash(std::uint64_t number, const TableKey& key) {
  return fold64(number ^ key.a, key.b);
}

// The hashes of one table, with the key close to it.
class TableHash {
 public:
  std::uint64_t operator()(std::string_view text) const { return table_hash(text, key_); }
  std::uint64_t operator()(std::uint32_t high, std::uint32_t low) const {
    return table_hash(std::uint64_t{high} << 32 | low, key_);
  }

 private:
  TableKey key_ = process_key();
};

}  // namespace roost::routing
