// SPDX-License-Identifier: Apache-2.0
// Remembers who passed Argon2 by a digest under a key that never leaves this process: HMAC-SHA256
// of user, password and stored hash. A changed or deleted hash makes the digest worthless by
// itself; a dump of it without the key says nothing about the password.
// Thread: any thread.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/auth/password_file.h"

namespace roost::auth {

class SeenPasswords {
 public:
  SeenPasswords();
  ~SeenPasswords();  // wipes the key
  SeenPasswords(const SeenPasswords&) = delete;
  SeenPasswords& operator=(const SeenPasswords&) = delete;

  bool contains(const std::string& user, std::string_view password, std::string_view hash) const;
  // One digest a user, so there are never more than users.
  void remember(const std::string& user, std::string_view password, std::string_view hash);
  // Forgets whom the table doesn't have.
  void keep_only(const PasswordTable& table);

 private:
  using Digest = std::array<unsigned char, 32>;

  Digest digest(std::string_view user, std::string_view password, std::string_view hash) const;

  Digest key_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Digest> digests_;  // guarded by mutex_
};

}  // namespace roost::auth
