// SPDX-License-Identifier: Apache-2.0
#include "broker/http/router.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cctype>
#include <exception>
#include <utility>

#include "broker/base/check.h"
#include "broker/http/guard.h"

namespace roost::http {

namespace {

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

// "/api/*" takes everything below /api/.
bool matches(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return pattern == path;
  return path.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

Response error_response(unsigned status, const std::string& text, bool as_json) {
  if (!as_json) return {status, text + "\n"};
  const boost::json::value body = {{"error", text}};
  return {status, boost::json::serialize(body) + "\n", "application/json"};
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [own, value] : headers) {
    if (same_letters(own, name)) return value;
  }
  return {};
}

Router::Router(std::vector<Route> routes, bool json_errors, Guard* guard)
    : json_errors_(json_errors), guard_(guard), routes_(std::move(routes)) {
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    CHECK(routes_[i].path.starts_with('/') && (routes_[i].handler || routes_[i].later));
    for (std::size_t j = 0; j < i; ++j) {
      CHECK(routes_[i].path != routes_[j].path || routes_[i].method != routes_[j].method);
    }
  }
  std::stable_sort(routes_.begin(), routes_.end(),
                   [](const Route& a, const Route& b) { return a.path.size() > b.path.size(); });
}

std::variant<Response, const Route*> Router::find(const Request& request) const {
  if (guard_ != nullptr) {
    if (auto refused = guard_->check(request, is_open(request))) return *std::move(refused);
  }
  const std::string& method = request.method;
  std::string allowed;
  for (const Route& route : routes_) {
    if (!matches(route.path, request.path)) continue;
    if (route.method == method || (method == "HEAD" && route.method == "GET")) return &route;
    allowed += (allowed.empty() ? "" : ", ") + route.method;
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (allowed.empty()) {
    return refuse(404, "there is nothing at " + request.path + "; there is " + paths());
  }
  Response refused = refuse(405, "allowed here: " + allowed);
  refused.headers.emplace_back("Allow", allowed);
  return refused;
}

Response Router::run(const Route& route, const Request& request) const {
  try {
    return route.handler(request);
  } catch (const std::exception&) {
    return refuse(500, "internal error");
  }
}

Response Router::handle(const Request& request) const {
  auto found = find(request);
  if (auto* const refused = std::get_if<Response>(&found)) return std::move(*refused);
  return run(*std::get<const Route*>(found), request);
}

bool Router::is_open(const Request& request) const {
  return std::all_of(routes_.begin(), routes_.end(), [&](const Route& route) {
    return route.is_open || !matches(route.path, request.path);
  });
}

// "GET /livez, GET /readyz"
std::string Router::paths() const {
  std::vector<std::string> all;
  for (const Route& route : routes_) all.push_back(route.method + " " + route.path);
  std::sort(all.begin(), all.end());
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return text;
}

std::pair<std::string, std::string> split_target(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {std::string(target), ""};
  return {std::string(target.substr(0, mark)), std::string(target.substr(mark + 1))};
}

}  // namespace roost::http
