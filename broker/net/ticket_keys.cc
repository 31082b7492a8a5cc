// SPDX-License-Identifier: Apache-2.0
#include "broker/net/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "broker/base/check.h"

namespace roost::net {

namespace {

using Block = std::array<std::uint8_t, 32>;

// One block of HKDF-Expand (RFC 5869): the secret is as good as random already.
Block derive(const Block& secret, std::string_view label, std::int64_t period) {
  std::string info = "roost ticket ";
  info += label;
  info += ' ';
  info += std::to_string(period);
  info += '\x01';
  Block out;
  unsigned int size = 0;
  CHECK(::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
               reinterpret_cast<const unsigned char*>(info.data()), info.size(), out.data(),
               &size) != nullptr);
  CHECK(size == out.size());
  return out;
}

TicketKey key_of(const Block& secret, std::int64_t period) {
  TicketKey key;
  const Block name = derive(secret, "name", period);
  std::copy_n(name.begin(), key.name.size(), key.name.begin());
  key.cipher = derive(secret, "cipher", period);
  key.mac = derive(secret, "mac", period);
  return key;
}

}  // namespace

TicketKeys::TicketKeys(const Clock& clock) : clock_(clock) {
  CHECK(::RAND_bytes(secret_.data(), static_cast<int>(secret_.size())) == 1);
}

TicketKeys::~TicketKeys() {
  ::OPENSSL_cleanse(secret_.data(), secret_.size());
  ::OPENSSL_cleanse(keys_.data(), sizeof(keys_));
}

Result<void> TicketKeys::use(ByteView secret) {
  if (secret.size() < kSecretMin) {
    return error(ErrorKind::invalid_argument, "a secret for session tickets has at least " +
                                                  std::to_string(kSecretMin) +
                                                  " random bytes: head -c 32 /dev/urandom > FILE");
  }
  Secret digest;  // HKDF-Extract
  unsigned int size = 0;
  constexpr std::string_view kSalt = "roost";
  CHECK(::HMAC(::EVP_sha256(), kSalt.data(), static_cast<int>(kSalt.size()), secret.data(),
               secret.size(), digest.data(), &size) != nullptr);
  const std::lock_guard lock(mutex_);
  secret_ = digest;
  derived_for_ = -1;
  return {};
}

TicketKey TicketKeys::current() const {
  const std::lock_guard lock(mutex_);
  return keys_at(period())[1];
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const std::uint8_t, 16> name) const {
  const std::lock_guard lock(mutex_);
  const auto& keys = keys_at(period());
  for (const TicketKey& key : keys) {
    if (std::equal(name.begin(), name.end(), key.name.begin())) {
      return Found{key, &key == &keys[1]};
    }
  }
  return std::nullopt;
}

// Requires: mutex_ is held.
const std::array<TicketKey, 3>& TicketKeys::keys_at(std::int64_t period) const {
  if (period != derived_for_) {
    for (std::int64_t i = 0; i < 3; ++i) {
      keys_[static_cast<std::size_t>(i)] = key_of(secret_, period - 1 + i);
    }
    derived_for_ = period;
  }
  return keys_;
}

std::string random_secret() {
  std::string secret(TicketKeys::kSecretMin, '\0');
  CHECK(::RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()),
                     static_cast<int>(secret.size())) == 1);
  return secret;
}

}  // namespace roost::net
