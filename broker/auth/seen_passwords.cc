// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/seen_passwords.h"

#include <openssl/crypto.h>

namespace roost::auth {

bool SeenPasswords::contains(const std::string& user, std::string_view password,
                             std::string_view hash) const {
  const Digest wanted = key_.digest({user, password, hash});
  const std::lock_guard lock(mutex_);
  const auto found = digests_.find(user);
  return found != digests_.end() &&
         CRYPTO_memcmp(found->second.data(), wanted.data(), wanted.size()) == 0;
}

void SeenPasswords::remember(const std::string& user, std::string_view password,
                             std::string_view hash) {
  const Digest wanted = key_.digest({user, password, hash});
  const std::lock_guard lock(mutex_);
  digests_[user] = wanted;
}

void SeenPasswords::keep_only(const PasswordTable& table) {
  const std::lock_guard lock(mutex_);
  std::erase_if(digests_, [&](const auto& entry) { return !table.contains(entry.first); });
}

}  // namespace roost::auth
