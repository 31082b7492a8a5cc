// SPDX-License-Identifier: Apache-2.0
// The parts of an http:// or https:// URL that a request is made of.
// Thread: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/auth/web_caller.h"
#include "broker/base/result.h"

namespace roost::http {

// Beast throws where one field has 64 KiB.
inline constexpr std::size_t kWebHeaderBytesMost = 32 * 1024;

struct WebUrl {
  bool is_tls = false;
  std::string host;    // without the brackets of an IPv6 address
  std::string port;    // "443"
  std::string target;  // path and query, at least "/"

  std::string host_header() const;  // with the port where it isn't the scheme's
  std::string origin() const;       // "https://host:443", for pools and messages
};

// Errors: invalid_argument; the message has no part of the URL, which may hold secrets. User names
// in a URL are refused.
Result<WebUrl> parse_web_url(std::string_view url);

// The request's URL, where HTTP can carry its method and headers: short, no line end in any.
// Errors: invalid_argument.
Result<WebUrl> check_web_request(const auth::WebRequest& request);

// Of a Retry-After header. 0: none, or a date.
std::uint32_t retry_after_s(std::string_view value);

}  // namespace roost::http
