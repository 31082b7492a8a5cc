// SPDX-License-Identifier: Apache-2.0
// What an authentication service is asked, and what it may answer, as JSON (README.md).
// Thread: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/auth/authenticator.h"
#include "broker/base/result.h"

namespace roost::auth {

inline constexpr std::size_t kHttpAnswerBytesMax = 64 * 1024;
inline constexpr std::size_t kHttpGroupsMax = 64;
inline constexpr std::uint64_t kHttpExpiryMaxSeconds = 315'360'000;  // ten years

// Holds the password: to be wiped. `address`: without port.
std::string http_auth_question(const AuthRequest& request, std::string_view address);

enum class HttpAuthResult : std::uint8_t { allow, deny, ignore };

struct HttpAuthAnswer {
  HttpAuthResult result = HttpAuthResult::deny;
  Identity identity;               // user name, groups, own rules; the rest is the broker's word
  std::uint64_t expires_in_s = 0;  // 0: never
};

// `user_name`: that of CONNECT, where the answer has none. Errors: corrupt (not such an answer).
Result<HttpAuthAnswer> read_http_auth_answer(std::string_view body, const std::string& user_name);

}  // namespace roost::auth
