// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/seen_passwords.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdint>

#include "broker/base/check.h"

namespace roost::auth {

SeenPasswords::SeenPasswords() {
  CHECK(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1);
}

SeenPasswords::~SeenPasswords() { OPENSSL_cleanse(key_.data(), key_.size()); }

SeenPasswords::Digest SeenPasswords::digest(std::string_view user, std::string_view password,
                                            std::string_view hash) const {
  // Lengths in front, so that no two triples give the same bytes.
  std::string text;
  text.reserve(24 + user.size() + password.size() + hash.size());
  for (const std::string_view part : {user, password, hash}) {
    const std::uint64_t size = part.size();
    text.append(reinterpret_cast<const char*>(&size), sizeof size);
    text.append(part);
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

bool SeenPasswords::contains(const std::string& user, std::string_view password,
                             std::string_view hash) const {
  const Digest wanted = digest(user, password, hash);
  const std::lock_guard lock(mutex_);
  const auto found = digests_.find(user);
  return found != digests_.end() &&
         CRYPTO_memcmp(found->second.data(), wanted.data(), wanted.size()) == 0;
}

void SeenPasswords::remember(const std::string& user, std::string_view password,
                             std::string_view hash) {
  const Digest wanted = digest(user, password, hash);
  const std::lock_guard lock(mutex_);
  digests_[user] = wanted;
}

void SeenPasswords::keep_only(const PasswordTable& table) {
  const std::lock_guard lock(mutex_);
  std::erase_if(digests_, [&](const auto& entry) { return !table.contains(entry.first); });
}

}  // namespace roost::auth
