// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/scram_secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "broker/auth/hash_kinds.h"
#include "broker/base/check.h"

namespace roost::auth {

namespace {

constexpr std::size_t kEncodedMax = 512;
constexpr std::size_t kSaltMax = 64;
constexpr std::uint64_t kNsPerIteration = 300;  // on common servers

std::string_view take_part(std::string_view& text) {
  const std::string_view part = text.substr(0, text.find('$'));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

bool read_key(std::string_view text, ScramKey& key) {
  auto bytes = decode_base64(text);
  if (!bytes || bytes->size() != key.size()) return false;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  OPENSSL_cleanse(bytes->data(), bytes->size());
  return true;
}

// RFC 5802 section 3: SaltedPassword and the keys made of it.
bool compute(std::string_view password, ScramSecret& secret) {
  ScramKey salted{};
  const bool is_done =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), secret.salt.data(),
                        static_cast<int>(secret.salt.size()), static_cast<int>(secret.iterations),
                        EVP_sha256(), static_cast<int>(salted.size()), salted.data()) == 1;
  ScramKey client_key = scram_hmac(salted, "Client Key");
  secret.stored_key = scram_hash(client_key);
  secret.server_key = scram_hmac(salted, "Server Key");
  OPENSSL_cleanse(client_key.data(), client_key.size());
  OPENSSL_cleanse(salted.data(), salted.size());
  return is_done;
}

Result<std::uint64_t> check_scram(std::string_view encoded) {
  const auto found = read_scram(encoded);
  if (!found) {
    return bad_hash(
        "a damaged hash: $scram-sha-256$i=iterations$salt$stored key$server key is expected, "
        "with 4096 to 10000000 iterations");
  }
  return found->iterations * kNsPerIteration;
}

bool verify_scram(const std::string& encoded, std::string_view password) {
  const auto found = read_scram(encoded);
  if (!found) return false;
  ScramSecret own = *found;
  return compute(password, own) &&
         CRYPTO_memcmp(own.stored_key.data(), found->stored_key.data(), own.stored_key.size()) == 0;
}

}  // namespace

const HashKind kScramSha256{"$scram-sha-256$", check_scram, verify_scram};

bool is_scram(std::string_view encoded) { return encoded.starts_with(kScramSha256.prefix); }

std::optional<ScramSecret> read_scram(std::string_view encoded) {
  if (!is_scram(encoded) || encoded.size() > kEncodedMax) return std::nullopt;
  std::string_view rest = encoded.substr(kScramSha256.prefix.size());
  const auto iterations = take_number(rest, "i=", '$');
  if (!iterations || *iterations < kScramIterationsMin || *iterations > kScramIterationsMax) {
    return std::nullopt;
  }
  auto salt = decode_base64(take_part(rest));
  if (!salt || salt->empty() || salt->size() > kSaltMax) return std::nullopt;
  ScramSecret secret;
  secret.iterations = *iterations;
  secret.salt = std::move(*salt);
  if (!read_key(take_part(rest), secret.stored_key) || !read_key(rest, secret.server_key)) {
    return std::nullopt;
  }
  return secret;
}

std::string write_scram(const ScramSecret& secret) {
  std::string text(kScramSha256.prefix);
  text += "i=" + std::to_string(secret.iterations);
  text += "$" + encode_base64(secret.salt.data(), secret.salt.size());
  text += "$" + encode_base64(secret.stored_key.data(), secret.stored_key.size());
  text += "$" + encode_base64(secret.server_key.data(), secret.server_key.size());
  return text;
}

Result<std::string> hash_password(std::string_view password, ScramCost cost) {
  if (cost.iterations < kScramIterationsMin || cost.iterations > kScramIterationsMax) {
    return error(ErrorKind::invalid_argument, "SCRAM takes 4096 to 10000000 iterations");
  }
  Salt salt;
  if (!make_salt(salt)) return no_random();
  ScramSecret secret;
  secret.iterations = cost.iterations;
  secret.salt.assign(salt.begin(), salt.end());
  if (!compute(password, secret)) return error(ErrorKind::resource_exhausted, "PBKDF2 failed");
  return write_scram(secret);
}

ScramKey scram_hmac(const unsigned char* key, std::size_t key_size, std::string_view text) {
  ScramKey result{};
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key, static_cast<int>(key_size),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), result.data(),
             &size) != nullptr);
  CHECK(size == result.size());
  return result;
}

ScramKey scram_hmac(const ScramKey& key, std::string_view text) {
  return scram_hmac(key.data(), key.size(), text);
}

ScramKey scram_hash(const ScramKey& key) {
  ScramKey result{};
  unsigned int size = 0;
  CHECK(EVP_Digest(key.data(), key.size(), result.data(), &size, EVP_sha256(), nullptr) == 1);
  CHECK(size == result.size());
  return result;
}

std::string padded_base64(const unsigned char* bytes, std::size_t size) {
  std::string text = encode_base64(bytes, size);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

}  // namespace roost::auth
