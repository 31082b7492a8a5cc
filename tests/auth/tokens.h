// SPDX-License-Identifier: Apache-2.0
// Tokens and keys made on the spot, right ones and any wrong one.
// Thread: own thread (tests).
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "broker/auth/authenticator.h"

namespace roost::auth {

using TestKey = std::shared_ptr<EVP_PKEY>;

TestKey rsa_key(unsigned bits = 2048);
TestKey ec_key(const char* curve = "P-256");
std::string public_pem(const TestKey& key);

std::string encode_base64url(std::string_view bytes);

// header.payload.signature of texts as they are. Signed with a secret, or with RSA or ECDSA as the
// key is, whatever the header says.
std::string sign(std::string_view header, std::string_view payload, std::string_view secret);
std::string sign(std::string_view header, std::string_view payload, const TestKey& key);

// One key of a JWKS: {"kty":"RSA","kid":...}, {"kty":"EC",...}, {"kty":"oct",...}. `more` goes in
// behind: ",\"use\":\"sig\"".
std::string jwk_of(const TestKey& key, std::string_view id, std::string_view more = {});
std::string jwk_of(std::string_view secret, std::string_view id, std::string_view more = {});
std::string jwks_of(std::initializer_list<std::string> keys);

AuthRequest bearer(std::string token, std::string client_id = "sensor-17");

}  // namespace roost::auth
