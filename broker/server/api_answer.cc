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

std::int64_t number_of(const json::object& object, const char* name, std::int64_t otherwise) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr) return otherwise;
  // Of one made here a number without a sign is that kind, of one that was read it is an int64.
  if (value->is_uint64() && value->get_uint64() <= INT64_MAX) {
    return static_cast<std::int64_t>(value->get_uint64());
  }
  return value->is_int64() ? value->get_int64() : otherwise;
}

std::uint64_t count_of(const json::object& object, const char* name, std::uint64_t otherwise) {
  const json::value* const value = object.if_contains(name);
  if (value != nullptr && value->is_uint64()) return value->get_uint64();
  const std::int64_t number = number_of(object, name, -1);
  return number >= 0 ? static_cast<std::uint64_t>(number) : otherwise;
}

bool flag_of(const json::object& object, const char* name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace roost::server
