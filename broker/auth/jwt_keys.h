// SPDX-License-Identifier: Apache-2.0
// Keys that tokens are verified with. A key is for the one algorithm that its kind has, whatever a
// token says: a public key can't become an HMAC secret.
// Thread: any thread (immutable once made).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace roost::auth {

enum class JwtAlgorithm : std::uint8_t {
  hs256,  // HMAC with SHA-256: a secret
  rs256,  // RSASSA-PKCS1-v1_5 with SHA-256
  es256,  // ECDSA on P-256 with SHA-256
};
std::string_view to_text(JwtAlgorithm algorithm);  // "HS256"

inline constexpr std::size_t kSecretBytesMin = 32;  // RFC 7518, 3.2
inline constexpr int kRsaBitsMin = 2048;            // RFC 7518, 3.3
inline constexpr int kRsaBitsMax = 8192;

struct JwtKey {
  JwtAlgorithm algorithm = JwtAlgorithm::hs256;
  std::string id = {};        // "kid"; empty: it has none
  std::string material = {};  // a secret's bytes, or a public key as PEM: what libjwt takes
};

// Errors: invalid_argument (too short, or a key in PEM, which is no secret).
Result<JwtKey> make_secret_key(std::string_view bytes);
// RSA, or EC on P-256. Errors: invalid_argument (another kind, too small).
Result<JwtKey> make_public_key(evp_pkey_st& key);
// "-----BEGIN PUBLIC KEY-----". Errors: invalid_argument.
Result<JwtKey> read_public_key(std::string_view pem);

class JwtKeys {
 public:
  // `by_id`: keys of a set, which tokens name. Else there is one, whatever name a token has for it.
  JwtKeys(std::vector<JwtKey> keys, bool by_id);
  ~JwtKeys();  // wipes the material
  JwtKeys(const JwtKeys&) = delete;
  JwtKeys& operator=(const JwtKeys&) = delete;

  // Null: none, or more than one fits.
  const JwtKey* find(JwtAlgorithm algorithm, const std::optional<std::string>& id) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<JwtKey> keys_;
  bool by_id_;
};

using JwtKeysPtr = std::shared_ptr<const JwtKeys>;

}  // namespace roost::auth
