// SPDX-License-Identifier: Apache-2.0
// What this folder needs of the web: one request, one answer. broker/http/outbound.h implements it.
// Thread: any thread.
// Owner: the server.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/result.h"

namespace roost::auth {

struct WebRequest {
  std::string method = "GET";
  std::string url = {};  // http:// or https://
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};  // wiped once it was sent or given up
};

struct WebAnswer {
  unsigned status = 0;  // any; redirects are not followed
  std::string body = {};
  std::uint32_t retry_after_s = 0;  // of Retry-After; 0: none, or a date
};

class WebCaller {
 public:
  using Done = std::function<void(Result<WebAnswer>)>;

  virtual ~WebCaller() = default;
  // `done` is called exactly once, on a thread of the caller's, or before this returns where the
  // request isn't taken. Never blocks. Errors: invalid_argument (the request makes no sense),
  // resource_exhausted (too many wait), unavailable (no answer, or not in time).
  virtual void send(WebRequest request, Done done) = 0;
};

}  // namespace roost::auth
