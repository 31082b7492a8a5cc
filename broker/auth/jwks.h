// SPDX-License-Identifier: Apache-2.0
// A JSON web key set (RFC 7517) as keys for tokens.
// Thread: any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/jwt_keys.h"
#include "broker/base/result.h"

namespace roost::auth {

inline constexpr std::size_t kJwksBytesMax = 1024 * 1024;
inline constexpr std::size_t kJwksKeysMax = 100;

struct Jwks {
  JwtKeysPtr keys;
  // Why others of the set are left out, one line each: a kind or a use that isn't ours, too small.
  std::vector<std::string> left_out;
};

// RSA and EC P-256 for signatures, and secrets ("oct"); "use", "key_ops" and "alg" are honoured.
// Errors: invalid_argument (no key set, or no key of it is any use), resource_exhausted.
Result<Jwks> parse_jwks(std::string_view text);

}  // namespace roost::auth
