// SPDX-License-Identifier: Apache-2.0
// How the admin API answers: JSON, errors by their kind.
// Thread: any thread (pure).
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "broker/base/result.h"
#include "broker/http/server.h"

namespace roost::server {

http::Response answer(const boost::json::value& value, unsigned status = 200);
http::Response refusal(const Error& why);
// The body as an object; nothing where it is none.
std::optional<boost::json::object> object_of(const http::Request& request);
// A member of the object; `otherwise`, or empty or false, where there is none of that kind.
std::string text_of(const boost::json::object& object, const char* name);
std::int64_t number_of(const boost::json::object& object, const char* name,
                       std::int64_t otherwise = 0);
std::uint64_t count_of(const boost::json::object& object, const char* name,
                       std::uint64_t otherwise = 0);  // not negative
bool flag_of(const boost::json::object& object, const char* name);

}  // namespace roost::server
