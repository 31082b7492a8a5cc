// SPDX-License-Identifier: Apache-2.0
// Fields of a node's answer; one that isn't there, as in that of another version, is empty or 0.
// Thread: any thread (pure).
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>

namespace roost::cli {

inline std::string text_field(const boost::json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

inline std::uint64_t number_field(const boost::json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
  if (value->is_uint64()) return value->get_uint64();
  return value->is_int64() ? static_cast<std::uint64_t>(value->get_int64()) : 0;
}

inline bool flag_field(const boost::json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

inline const boost::json::array& list_field(const boost::json::object& object, const char* name) {
  static const boost::json::array kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

}  // namespace roost::cli
