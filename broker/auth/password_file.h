// SPDX-License-Identifier: Apache-2.0
// The password file: one `user:$kind$...` a line (password_hash.h), # comments and empty lines
// kept. Read by the broker, written by `roost passwd` and by mosquitto_passwd; written to a new
// file that takes the old one's place, so that a reader sees the old or the new, never half.
// Thread: any thread (no state).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/auth/password_hash.h"
#include "broker/base/result.h"

namespace roost::auth {

using PasswordTable = std::unordered_map<std::string, std::string>;  // user name -> hash

// Errors name `file_name` and every bad line.
Result<PasswordTable> parse_passwords(std::string_view text, const std::string& file_name);
Result<PasswordTable> read_passwords(const std::string& path);

enum class PasswordChange { created, updated };

// Makes the file (mode 0600) where there is none; keeps mode and owner where there is one. `hash`
// as hash_password() gives it.
Result<PasswordChange> set_hash(const std::string& path, std::string_view user,
                                std::string_view hash);
Result<PasswordChange> set_password(const std::string& path, std::string_view user,
                                    std::string_view password, HashCost cost = {});
// Errors: not_found for the file or the user.
Result<void> delete_user(const std::string& path, std::string_view user);

// What a user name in the file may be: not empty, no ':' or control characters, no '#' in front.
Result<void> check_user_name(std::string_view user);

}  // namespace roost::auth
