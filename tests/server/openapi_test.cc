// SPDX-License-Identifier: Apache-2.0
// The document of the API has all routes that there are, and no others.
#include "broker/server/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "broker/server/version.h"
#include "tests/server/running_server.h"

namespace roost::server {
namespace {

namespace json = boost::json;

// "POST /api/v1/publish/*": what stands behind a parameter is its handler's to tell apart.
std::set<std::string> documented() {
  std::set<std::string> all;
  const json::object document = openapi_document();
  for (const auto& [path, methods] : document.at("paths").as_object()) {
    std::string name(path);
    if (name.find('{') != std::string::npos) name = name.substr(0, name.find('{')) + "*";
    for (const auto& [method, operation] : methods.as_object()) {
      std::string verb(method);
      for (char& c : verb) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      all.insert(verb + " " + name);
    }
  }
  return all;
}

// What a server says that it has, to who asks for what isn't there.
std::set<std::string> served() {
  const RunningServer running(test_config({{"http.port", std::to_string(free_port())}}));
  const std::string answer = running.get("/nothing");
  const std::string intro = "there is nothing at /nothing; there is ";
  const std::size_t at = answer.find(intro);
  EXPECT_NE(at, std::string::npos) << answer;
  std::set<std::string> all;
  std::istringstream words(answer.substr(at + intro.size()));
  for (std::string method, path; words >> method >> path;) {
    path = path.substr(0, path.find_first_of(",\""));
    all.insert(method + " " + path);
  }
  return all;
}

// Every "$ref" below `value`.
void collect_references(const json::value& value, std::set<std::string>& all) {
  if (value.is_array()) {
    for (const json::value& one : value.get_array()) collect_references(one, all);
  }
  if (!value.is_object()) return;
  for (const auto& [name, member] : value.get_object()) {
    if (name == "$ref") all.insert(std::string(member.as_string()));
    collect_references(member, all);
  }
}

TEST(OpenApi, HasEveryRouteAndNoOther) { EXPECT_EQ(documented(), served()); }

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const json::value document = openapi_document();
  std::set<std::string> references;
  collect_references(document, references);
  EXPECT_GT(references.size(), 5u);
  for (const std::string& reference : references) {
    ASSERT_TRUE(reference.starts_with("#/")) << reference;
    boost::system::error_code fault;
    EXPECT_NE(document.find_pointer(reference.substr(1), fault), nullptr) << reference;
  }
}

TEST(OpenApi, EveryOperationHasItsOwnId) {
  std::set<std::string> ids;
  const json::object document = openapi_document();
  for (const auto& [path, methods] : document.at("paths").as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      const std::string id(operation.at("operationId").as_string());
      EXPECT_TRUE(ids.insert(id).second) << id;
    }
  }
  EXPECT_GE(ids.size(), documented().size());
}

TEST(OpenApi, SaysTheVersion) {
  const json::object document = openapi_document();
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
  EXPECT_EQ(document.at("info").at("version").as_string(), std::string(version()));
}

}  // namespace
}  // namespace roost::server
