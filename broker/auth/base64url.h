// SPDX-License-Identifier: Apache-2.0
// Base64 as tokens and their keys have it (RFC 7515, 2): '-' and '_', no padding, nothing lenient.
// Thread: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace roost::auth {

// Nothing: a foreign character, a length that no bytes give, or set bits behind the last byte.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace roost::auth
