// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA256 of a list of texts under a random key that never leaves the process: what was seen is
// known again, and a dump of digests without the key says nothing about it.
// Thread: any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace roost::auth {

using Digest = std::array<unsigned char, 32>;

class DigestKey {
 public:
  DigestKey();
  ~DigestKey();  // wipes it
  DigestKey(const DigestKey&) = delete;
  DigestKey& operator=(const DigestKey&) = delete;

  // No two lists give the same bytes.
  Digest digest(std::initializer_list<std::string_view> texts) const;

 private:
  Digest key_;
};

// A digest is as good as random.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const {
    std::size_t hash = 0;
    std::memcpy(&hash, digest.data(), sizeof hash);
    return hash;
  }
};

}  // namespace roost::auth
