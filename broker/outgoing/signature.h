// SPDX-License-Identifier: Apache-2.0
// The headers of Standard Webhooks: who knows the secret can tell that a batch comes from here, is
// whole and isn't an old one sent again.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace roost::outgoing {

// The bytes that "whsec_" and base64 (with = at its end or without) mean; another text is its own
// bytes. Errors: invalid_argument: empty, or no base64 behind whsec_; says nothing of the secret.
Result<std::string> secret_bytes(std::string_view text);

// "v1," and the base64 of HMAC-SHA256(secret, "id.seconds.body").
std::string webhook_signature(std::string_view secret, std::string_view id, std::int64_t seconds,
                              std::string_view body);

}  // namespace roost::outgoing
