// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/password_hash.h"

#include <argon2.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <optional>

namespace roost::auth {

namespace {

constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::uint32_t kLanes = 1;
constexpr std::string_view kPrefix = "$argon2id$v=19$";

// What a line of a file may make us spend on one check.
constexpr std::uint32_t kMemoryKibMax = 1024 * 1024;
constexpr std::uint32_t kPassesMax = 64;
constexpr std::uint32_t kLanesMax = 16;
constexpr std::size_t kEncodedMax = 512;

// Takes "name=123" and the delimiter behind it off the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view name, char end) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  std::uint32_t value = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || stop == text.data() + text.size() || *stop != end) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
  return value;
}

bool is_base64(std::string_view text, std::size_t min_bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return text.find_first_not_of(kAlphabet) == std::string_view::npos &&
         text.size() * 3 / 4 >= min_bytes && text.size() % 4 != 1;
}

Unexpected<Error> bad(std::string text) { return error(ErrorKind::corrupt, std::move(text)); }

std::string kind_of(std::string_view encoded) {
  if (encoded.starts_with("$6$") || encoded.starts_with("$7$")) {
    return "a hash of mosquitto_passwd, which Roost doesn't read; set the password again with "
           "roost passwd";
  }
  if (encoded.starts_with("$argon2")) return "not $argon2id$v=19$, the only kind that Roost reads";
  if (encoded.starts_with("$")) return "a hash of a kind that Roost doesn't read";
  return "not a hash; a password in clear has no place here, set it with roost passwd";
}

}  // namespace

Result<std::string> hash_password(std::string_view password, HashCost cost) {
  std::array<unsigned char, kSaltBytes> salt;
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
    return error(ErrorKind::resource_exhausted, "the system gives no random bytes");
  }
  std::string encoded(
      argon2_encodedlen(cost.passes, cost.memory_kib, kLanes, kSaltBytes, kHashBytes, Argon2_id),
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
  if (!check_hash(encoded)) return false;
  return argon2id_verify(encoded.c_str(), password.data(), password.size()) == ARGON2_OK;
}

Result<HashCost> check_hash(std::string_view encoded) {
  if (!encoded.starts_with(kPrefix)) return bad(kind_of(encoded));
  if (encoded.size() > kEncodedMax) return bad("longer than a hash can be");
  std::string_view rest = encoded.substr(kPrefix.size());
  const auto memory = take_number(rest, "m=", ',');
  const auto passes = memory ? take_number(rest, "t=", ',') : std::nullopt;
  const auto lanes = passes ? take_number(rest, "p=", '$') : std::nullopt;
  if (!lanes) return bad("a damaged hash: m=, t= and p= are expected");
  if (*lanes < 1 || *lanes > kLanesMax || *passes < 1 || *passes > kPassesMax ||
      *memory < 8 * *lanes || *memory > kMemoryKibMax) {
    return bad("a hash whose cost is out of bounds (m up to 1048576, t up to 64, p up to 16)");
  }
  const std::size_t dollar = rest.find('$');
  if (dollar == std::string_view::npos || !is_base64(rest.substr(0, dollar), 8) ||
      !is_base64(rest.substr(dollar + 1), 16)) {
    return bad("a damaged hash: salt and hash are expected at its end");
  }
  return HashCost{*memory, *passes};
}

}  // namespace roost::auth
