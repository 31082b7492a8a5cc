// SPDX-License-Identifier: Apache-2.0
// Remembers who passed Argon2 by a keyed digest of user, password and stored hash. A changed or
// deleted hash makes the digest worthless by itself.
// Thread: any thread.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/auth/keyed_digest.h"
#include "broker/auth/password_file.h"

namespace roost::auth {

class SeenPasswords {
 public:
  bool contains(const std::string& user, std::string_view password, std::string_view hash) const;
  // One digest a user, so there are never more than users.
  void remember(const std::string& user, std::string_view password, std::string_view hash);
  // Forgets whom the table doesn't have.
  void keep_only(const PasswordTable& table);

 private:
  const DigestKey key_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Digest> digests_;  // guarded by mutex_
};

}  // namespace roost::auth
