// SPDX-License-Identifier: Apache-2.0
// One request to a server on a Unix socket, for the command line.
// Thread: the caller's; blocks.
#pragma once

#include <cstdint>
#include <string>

#include "broker/base/result.h"
#include "broker/http/server.h"

namespace roost::http {

inline constexpr std::uint64_t kAnswerBytesMax = 16 << 20;

// `target`: path and query. Errors: unavailable (nobody serves that socket), io (no answer in
// `timeout_ms`), permission_denied, io.
Result<Response> ask_unix(const std::string& socket_path, const std::string& method,
                          const std::string& target, const std::string& body = {},
                          std::uint32_t timeout_ms = 30'000);

}  // namespace roost::http
