// SPDX-License-Identifier: Apache-2.0
// The kinds of password hashes, each with its text form, for password_hash.cc:
//   $argon2id$v=19$m=,t=,p=$salt$hash    roost passwd
//   $scrypt$ln=,r=,p=$salt$hash          roost passwd --hash scrypt
//   $6$salt$hash                         mosquitto_passwd -H sha512
//   $7$iterations$salt$hash              mosquitto_passwd, PBKDF2-HMAC-SHA512
//   $scram-sha-256$i=$salt$key$key       roost passwd --hash scram-sha-256 (scram_secret.h)
// Thread: any thread (no state).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace roost::auth {

struct HashKind {
  std::string_view prefix;
  // About how many ns a check takes. Errors: what is wrong with the rest.
  Result<std::uint64_t> (*check)(std::string_view encoded);
  // Compares in constant time. Requires: check() is content.
  bool (*verify)(const std::string& encoded, std::string_view password);
};

// nullptr: none of ours.
const HashKind* hash_kind_of(std::string_view encoded);

// --- what their text forms share ---

// Takes "name=123" and the delimiter behind it off the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view name, char end);
// With padding or without; nullopt: not base64.
std::optional<std::vector<unsigned char>> decode_base64(std::string_view text);
std::string encode_base64(const unsigned char* bytes, std::size_t size);  // without padding
using Salt = std::array<unsigned char, 16>;
bool make_salt(Salt& salt);  // false: the system gives no random bytes
Unexpected<Error> bad_hash(std::string text);
Unexpected<Error> no_random();

extern const HashKind kArgon2id, kScrypt, kMosquittoSha512, kMosquittoPbkdf2, kScramSha256;

}  // namespace roost::auth
