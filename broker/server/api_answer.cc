// SPDX-License-Identifier: Apache-2.0
#include "broker/server/api_answer.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <utility>

namespace roost::server {

namespace json = boost::json;

http::Response answer(const json::value& value, unsigned status) {
  return {status, json::serialize(value) + "\n", "application/json"};
}

http::Response refusal(const Error& why) {
  const auto status_of = [](ErrorKind kind) -> unsigned {
    switch (kind) {
      case ErrorKind::invalid_argument:
        return 400;
      case ErrorKind::permission_denied:
        return 403;
      case ErrorKind::not_found:
        return 404;
      case ErrorKind::already_exists:
        return 409;
      case ErrorKind::unavailable:
        return 503;
      case ErrorKind::resource_exhausted:
        return 507;
      default:
        return 500;
    }
  };
  return http::error_response(status_of(why.kind), why.message, true);
}

std::optional<json::object> object_of(const http::Request& request) {
  boost::system::error_code fault;
  json::value body = json::parse(request.body, fault);
  if (fault || !body.is_object()) return std::nullopt;
  return std::move(body.get_object());
}

std::string text_of(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace roost::server
