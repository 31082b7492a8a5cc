// SPDX-License-Identifier: Apache-2.0
#include "broker/server/openapi.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <string>
#include <utility>

#include "broker/base/check.h"
#include "broker/server/version.h"

namespace roost::server {

namespace json = boost::json;

namespace {

// Of paths that stand in two pieces the methods come together.
void merge(const json::object& from, json::object& to) {
  for (const auto& [name, value] : from) {
    if (json::value* const known = to.if_contains(name)) {
      CHECK(known->is_object() && value.is_object());
      merge(value.get_object(), known->get_object());
    } else {
      to[name] = value;
    }
  }
}

}  // namespace

json::object openapi_document() {
  json::object document;
  for (const std::string_view piece : openapi_pieces()) {
    boost::system::error_code fault;
    const json::value parsed = json::parse(piece, fault);
    CHECK(!fault && parsed.is_object());
    merge(parsed.get_object(), document);
  }
  CHECK(document.contains("info"));
  document["info"].get_object()["version"] = version();
  return document;
}

http::Response openapi_answer() {
  static const std::string kText = json::serialize(openapi_document()) + "\n";
  return {200, kText, "application/json"};
}

}  // namespace roost::server
