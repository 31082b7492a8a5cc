// SPDX-License-Identifier: Apache-2.0
// What a password file keeps of a user of SCRAM-SHA-256 (RFC 5802, RFC 7677), as text:
//   $scram-sha-256$i=100000$SALT$STOREDKEY$SERVERKEY
// base64, written without padding and read with or without it. Neither key gives the password
// away, nor logs in as the user.
// Thread: any thread (no state).
#pragma once

#include <openssl/crypto.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace roost::auth {

using ScramKey = std::array<unsigned char, 32>;  // of SHA-256

// RFC 7677 asks for at least 4096, and clients refuse less.
inline constexpr std::uint32_t kScramIterationsMin = 4096;
inline constexpr std::uint32_t kScramIterationsMax = 10'000'000;

// 100000: about 30 ms of a server core, as dear to guess as the other kinds' passwords; the client
// computes them, a microcontroller for seconds (once, if it keeps its key).
struct ScramCost {
  std::uint32_t iterations = 100'000;
};

struct ScramSecret {
  ScramSecret() = default;
  ~ScramSecret() {
    OPENSSL_cleanse(stored_key.data(), stored_key.size());
    OPENSSL_cleanse(server_key.data(), server_key.size());
  }
  ScramSecret(const ScramSecret&) = default;
  ScramSecret& operator=(const ScramSecret&) = default;

  std::uint32_t iterations = 0;
  std::vector<unsigned char> salt;
  ScramKey stored_key{};
  ScramKey server_key{};
};

bool is_scram(std::string_view encoded);
// Nothing: damaged, or of another kind.
std::optional<ScramSecret> read_scram(std::string_view encoded);
std::string write_scram(const ScramSecret& secret);

// With a fresh random salt. Errors: resource_exhausted; invalid_argument: iterations.
Result<std::string> hash_password(std::string_view password, ScramCost cost);

// HMAC-SHA-256 and SHA-256 of RFC 5802's formulas.
ScramKey scram_hmac(const unsigned char* key, std::size_t key_size, std::string_view text);
ScramKey scram_hmac(const ScramKey& key, std::string_view text);
ScramKey scram_hash(const ScramKey& key);
// With padding, as SCRAM's messages want it.
std::string padded_base64(const unsigned char* bytes, std::size_t size);

}  // namespace roost::auth
