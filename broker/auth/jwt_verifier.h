// SPDX-License-Identifier: Apache-2.0
// Whom a JSON web token lets in. The algorithm comes from our settings; the token's header only has
// to agree. libjwt checks the signature; everything it is lenient about is checked before.
// Thread: any thread (immutable once made). Reads no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "broker/auth/authenticator.h"
#include "broker/auth/jwt_keys.h"
#include "broker/base/result.h"

namespace roost::auth {

inline constexpr std::size_t kTokenBytesMost = 64 * 1024;  // libjwt decodes on the stack
inline constexpr std::size_t kTokenClaimsMax = 64;         // texts and numbers
inline constexpr std::size_t kTokenGroupsMax = 64;
inline constexpr std::uint32_t kLeewayMostSeconds = 60;

struct JwtSettings {
  JwtAlgorithm algorithm = JwtAlgorithm::hs256;
  std::string issuer = {};    // empty: any
  std::string audience = {};  // empty: only tokens that name none
  std::uint32_t leeway_s = 0;
  std::string user_name_claim = "sub";
  std::string groups_claim = "groups";     // a text or an array of texts
  std::string rules_claim = "acl";         // any value, kept as text
  std::string client_id_claim = {};        // set: must be CONNECT's client id
  std::size_t token_bytes_max = 8 * 1024;  // over it: refused before anything is parsed
};

enum class JwtFault : std::uint8_t {
  none,
  not_a_token,  // nor refused: the next authenticator of a chain may know the password
  too_long,
  algorithm,  // not ours
  key,        // unknown, or more than one fits
  signature,
  expired,  // or not yet valid
  claims,
};

struct JwtVerdict {
  JwtFault fault = JwtFault::none;
  AuthResult result;
};

class JwtVerifier {
 public:
  // Errors: invalid_argument (a limit above what is allowed, no claim for the user name).
  static Result<JwtVerifier> make(JwtSettings settings);

  // What can be said without a signature's arithmetic: no token, not ours, no key. Nothing: verify.
  std::optional<JwtVerdict> screen(const AuthRequest& request, const JwtKeys& keys) const;
  // The token is the password. `now_s`: Unix time. Screens it first.
  JwtVerdict verify(const AuthRequest& request, const JwtKeys& keys, std::uint64_t now_s) const;
  const JwtSettings& settings() const { return settings_; }

 private:
  struct Screened;
  explicit JwtVerifier(JwtSettings settings) : settings_(std::move(settings)) {}
  JwtVerdict look_at(const AuthRequest& request, const JwtKeys& keys, Screened& screened) const;

  JwtSettings settings_;
};

}  // namespace roost::auth
