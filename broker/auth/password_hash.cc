// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/password_hash.h"

#include <argon2.h>

#include "broker/auth/hash_kinds.h"

namespace roost::auth {
namespace {

constexpr std::size_t kHashBytes = 32;
constexpr std::uint32_t kLanes = 1;

// What a line of a file may make us spend on one check.
constexpr std::uint32_t kMemoryKibMax = 1024 * 1024;
constexpr std::uint32_t kPassesMax = 64;
constexpr std::uint32_t kLanesMax = 16;
constexpr std::size_t kEncodedMax = 512;

constexpr std::uint64_t kNsPerKibAndPass = 500;  // on common servers

std::string kind_of(std::string_view encoded) {
  if (encoded.starts_with("$argon2"))
    return "not $argon2id$v=19$, the only Argon2 that Roost reads";
  if (encoded.starts_with("$")) return "a hash of a kind that Roost doesn't read";
  return "not a hash; a password in clear has no place here, set it with roost passwd";
}

bool is_base64(std::string_view text, std::size_t min_bytes) {
  const auto bytes = text.ends_with('=') ? std::nullopt : decode_base64(text);
  return bytes && bytes->size() >= min_bytes;
}

Result<std::uint64_t> check_argon2id(std::string_view encoded) {
  if (encoded.size() > kEncodedMax) return bad_hash("longer than a hash can be");
  std::string_view rest = encoded.substr(kArgon2id.prefix.size());
  const auto memory = take_number(rest, "m=", ',');
  const auto passes = memory ? take_number(rest, "t=", ',') : std::nullopt;
  const auto lanes = passes ? take_number(rest, "p=", '$') : std::nullopt;
  if (!lanes) return bad_hash("a damaged hash: m=, t= and p= are expected");
  if (*lanes < 1 || *lanes > kLanesMax || *passes < 1 || *passes > kPassesMax ||
      *memory < 8 * *lanes || *memory > kMemoryKibMax) {
    return bad_hash("a hash whose cost is out of bounds (m up to 1048576, t up to 64, p up to 16)");
  }
  const std::size_t dollar = rest.find('$');
  if (dollar == std::string_view::npos || !is_base64(rest.substr(0, dollar), 8) ||
      !is_base64(rest.substr(dollar + 1), 16)) {
    return bad_hash("a damaged hash: salt and hash are expected at its end");
  }
  return std::uint64_t{*memory} * *passes * kNsPerKibAndPass;
}

bool verify_argon2id(const std::string& encoded, std::string_view password) {
  return argon2id_verify(encoded.c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace

const HashKind kArgon2id{"$argon2id$v=19$", check_argon2id, verify_argon2id};

Result<std::string> hash_password(std::string_view password, HashCost cost) {
  Salt salt;
  if (!make_salt(salt)) return no_random();
  std::string encoded(
      argon2_encodedlen(cost.passes, cost.memory_kib, kLanes, salt.size(), kHashBytes, Argon2_id),
      '\0');
  const int code =
      argon2id_hash_encoded(cost.passes, cost.memory_kib, kLanes, password.data(), password.size(),
                            salt.data(), salt.size(), kHashBytes, encoded.data(), encoded.size());
  if (code != ARGON2_OK) {
    return error(ErrorKind::resource_exhausted,
                 std::string("Argon2: ") + argon2_error_message(code));
  }
  encoded.resize(encoded.find('\0'));
  return encoded;
}

bool verify_password(const std::string& encoded, std::string_view password) {
  const HashKind* const kind = hash_kind_of(encoded);
  return kind != nullptr && kind->check(encoded) && kind->verify(encoded, password);
}

Result<std::uint64_t> check_hash(std::string_view encoded) {
  const HashKind* const kind = hash_kind_of(encoded);
  if (kind == nullptr) return bad_hash(kind_of(encoded));
  return kind->check(encoded);
}

}  // namespace roost::auth
