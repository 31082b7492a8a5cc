// SPDX-License-Identifier: Apache-2.0
// Which handler answers a request; 404, 405 and 500 where none does; before it, the guard.
// Thread: immutable once built; find() runs on the HTTP server's thread, run() on any.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/http/server.h"

namespace roost::http {

class Router {
 public:
  // Requires (CHECK): no two routes with the same method and path.
  explicit Router(std::vector<Route> routes, bool json_errors = false, Guard* guard = nullptr);

  // Who answers it, or the refusal: the guard's, 404, 405. A HEAD request gets GET's answer; the
  // server leaves its body out.
  std::variant<Response, const Route*> find(const Request& request) const;
  // Requires: the route has no `later`.
  Response run(const Route& route, const Request& request) const;
  // Both at once. Requires: no route of the request has `later`.
  Response handle(const Request& request) const;

 private:
  Response refuse(unsigned status, const std::string& text) const {
    return error_response(status, text, json_errors_);
  }
  std::string paths() const;
  // No route with that path wants a token; so it is where there is none (404).
  bool is_open(const Request& request) const;

  const bool json_errors_;
  Guard* const guard_;
  std::vector<Route> routes_;  // longest path first, so the most exact one wins
};

// "/a?b=1" -> {"/a", "b=1"}
std::pair<std::string, std::string> split_target(std::string_view target);

}  // namespace roost::http
