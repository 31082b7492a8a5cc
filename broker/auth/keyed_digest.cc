// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/keyed_digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdint>
#include <string>

#include "broker/base/check.h"

namespace roost::auth {

DigestKey::DigestKey() { CHECK(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1); }

DigestKey::~DigestKey() { OPENSSL_cleanse(key_.data(), key_.size()); }

Digest DigestKey::digest(std::initializer_list<std::string_view> texts) const {
  std::size_t total = 0;
  for (const std::string_view one : texts) total += sizeof(std::uint64_t) + one.size();
  std::string text;
  text.reserve(total);  // no copy is left behind
  for (const std::string_view one : texts) {
    const std::uint64_t size = one.size();
    text.append(reinterpret_cast<const char*>(&size), sizeof size);
    text.append(one);
  }
  Digest result;
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), result.data(),
             &size) != nullptr);
  CHECK(size == result.size());
  OPENSSL_cleanse(text.data(), text.size());
  return result;
}

}  // namespace roost::auth
