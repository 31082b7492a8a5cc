// SPDX-License-Identifier: Apache-2.0
// The client's side of SCRAM-SHA-256 after RFC 5802, for tests.
// Thread: own thread.
#pragma once

#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "broker/auth/hash_kinds.h"
#include "broker/auth/scram_secret.h"

namespace roost::auth {

inline ScramKey salted_password(std::string_view password, const ScramSecret& secret) {
  ScramKey salted{};
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), secret.salt.data(),
                    static_cast<int>(secret.salt.size()), static_cast<int>(secret.iterations),
                    EVP_sha256(), static_cast<int>(salted.size()), salted.data());
  return salted;
}

// The line of a password with that salt.
inline std::string scram_line(std::string_view password, std::string_view salt,
                              std::uint32_t iterations) {
  ScramSecret secret;
  secret.salt = *decode_base64(salt);
  secret.iterations = iterations;
  const ScramKey salted = salted_password(password, secret);
  secret.stored_key = scram_hash(scram_hmac(salted, "Client Key"));
  secret.server_key = scram_hmac(salted, "Server Key");
  return write_scram(secret);
}

inline std::string attribute(std::string_view message, char name) {
  const std::string text = "," + std::string(message) + ",";
  const std::size_t at = text.find(std::string(",") + name + "=");
  if (at == std::string::npos) return {};
  return text.substr(at + 3, text.find(',', at + 1) - at - 3);
}

// The final message; `bare` and `header` of the first one, with what it must be answered.
struct ScramFinal {
  std::string message;
  std::string server;
};
inline ScramFinal scram_final(std::string_view password, const std::string& bare,
                              const std::string& challenge, const std::string& header = "n,,") {
  ScramSecret secret;
  secret.salt = *decode_base64(attribute(challenge, 's'));
  secret.iterations = static_cast<std::uint32_t>(std::stoul(attribute(challenge, 'i')));
  const ScramKey salted = salted_password(password, secret);
  const std::string start =
      "c=" + padded_base64(reinterpret_cast<const unsigned char*>(header.data()), header.size()) +
      ",r=" + attribute(challenge, 'r');
  const std::string signed_text = bare + "," + challenge + "," + start;
  ScramKey proof = scram_hmac(salted, "Client Key");
  const ScramKey signature = scram_hmac(scram_hash(proof), signed_text);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= signature[i];
  const ScramKey server = scram_hmac(scram_hmac(salted, "Server Key"), signed_text);
  return {start + ",p=" + padded_base64(proof.data(), proof.size()),
          "v=" + padded_base64(server.data(), server.size())};
}

}  // namespace roost::auth
