// SPDX-License-Identifier: Apache-2.0
// The console's files as a browser gets them.
#include "broker/http/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "broker/http/router.h"

namespace roost::http {
namespace {

using testing::HasSubstr;
using testing::IsSupersetOf;

const std::vector<Asset>& two_files() {
  static const std::vector<Asset> kAssets = {{"index.html", "<p>", "short", "abc"},
                                             {"app.js", "let a;", "", "def"}};
  return kAssets;
}

class ConsoleTest : public testing::Test {
 protected:
  Response ask(const std::string& path,
               std::vector<std::pair<std::string, std::string>> headers = {}) {
    Request request;
    request.method = "GET";
    request.path = path;
    request.headers = std::move(headers);
    return router_.handle(request);
  }
  static std::string header(const Response& response, std::string_view name) {
    for (const auto& [own, value] : response.headers) {
      if (own == name) return value;
    }
    return "";
  }

  Router router_{console_routes(two_files())};
};

TEST_F(ConsoleTest, LeadsToThePage) {
  for (const char* path : {"/", "/console"}) {
    const Response response = ask(path);
    EXPECT_EQ(response.status, 302U);
    EXPECT_EQ(header(response, "Location"), "console/") << "relative, for proxies";
  }
  EXPECT_EQ(ask("/console/").body, "<p>");
  EXPECT_EQ(ask("/console/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(ask("/console/index.html").body, "<p>");
}

TEST_F(ConsoleTest, KeepsOthersOut) {
  for (const char* path : {"/console/", "/console/app.js", "/console/none", "/"}) {
    const Response response = ask(path);
    EXPECT_THAT(header(response, "Content-Security-Policy"),
                HasSubstr("default-src 'none'; script-src 'self'; style-src 'self';"));
    EXPECT_THAT(header(response, "Content-Security-Policy"), HasSubstr("frame-ancestors 'none'"));
    EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(response, "Referrer-Policy"), "no-referrer");
  }
}

TEST_F(ConsoleTest, IsCompressedForWhoTakesThat) {
  const Response plain = ask("/console/");
  EXPECT_EQ(header(plain, "Content-Encoding"), "");
  for (const char* takes : {"gzip", "deflate, gzip;q=0.5, br", "*"}) {
    const Response response = ask("/console/", {{"accept-encoding", takes}});
    EXPECT_EQ(response.body, "short") << takes;
    EXPECT_EQ(header(response, "Content-Encoding"), "gzip");
    EXPECT_EQ(header(response, "Vary"), "Accept-Encoding");
    EXPECT_NE(header(response, "ETag"), header(plain, "ETag")) << "other bytes";
  }
  for (const char* refuses : {"br", "gzip;q=0", "gzip;q=0.000", "x-gzip", ""}) {
    EXPECT_EQ(ask("/console/", {{"Accept-Encoding", refuses}}).body, "<p>") << refuses;
  }
  // Nothing short is there.
  EXPECT_EQ(ask("/console/app.js", {{"Accept-Encoding", "gzip"}}).body, "let a;");
}

TEST_F(ConsoleTest, IsNotSentTwice) {
  const std::string tag = header(ask("/console/"), "ETag");
  EXPECT_EQ(tag, "\"abc\"");
  EXPECT_EQ(header(ask("/console/"), "Cache-Control"), "no-cache") << "asked for each time";
  for (const std::string& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const Response response = ask("/console/", {{"If-None-Match", known}});
    EXPECT_EQ(response.status, 304U) << known;
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(header(response, "ETag"), tag);
  }
  EXPECT_EQ(ask("/console/", {{"If-None-Match", "\"abcd\""}}).status, 200U);
  // The compressed one has a tag of its own.
  const auto gzip = std::pair<std::string, std::string>("Accept-Encoding", "gzip");
  EXPECT_EQ(ask("/console/", {gzip, {"If-None-Match", tag}}).status, 200U);
  EXPECT_EQ(ask("/console/", {gzip, {"If-None-Match", "\"abc-gz\""}}).status, 304U);
}

TEST_F(ConsoleTest, HasNoOtherFiles) {
  for (const char* path :
       {"/console/none", "/console/../../etc/passwd", "/console/%2e%2e/secret", "/console//app.js",
        "/console/app.js/", "/console/APP.JS", "/console/index.html%00"}) {
    EXPECT_EQ(ask(path).status, 404U) << path;
  }
  EXPECT_EQ(ask("/consoles").status, 404U);
  Request post;
  post.method = "POST";
  post.path = "/console/app.js";
  EXPECT_EQ(router_.handle(post).status, 405U);
}

TEST_F(ConsoleTest, ABinaryWithoutItSaysSo) {
  static const std::vector<Asset> kNone;
  const Router router(console_routes(kNone));
  Request request;
  request.method = "GET";
  request.path = "/console/";
  const Response response = router.handle(request);
  EXPECT_EQ(response.status, 404U);
  EXPECT_THAT(response.body, HasSubstr("built without the console"));
}

TEST(ConsoleAssets, AreAllThatThePageNames) {
  ASSERT_FALSE(console_assets().empty()) << "tests want it: build without -DROOST_CONSOLE=OFF";
  std::set<std::string> names;
  std::string page;
  std::set<std::string_view> tags;
  for (const Asset& asset : console_assets()) {
    names.insert(std::string(asset.name));
    tags.insert(asset.etag);
    EXPECT_FALSE(asset.plain.empty()) << asset.name;
    EXPECT_TRUE(asset.gzip.starts_with("\x1f\x8b")) << asset.name;
    if (asset.name == "index.html") page = asset.plain;
  }
  EXPECT_THAT(names, IsSupersetOf({"index.html", "style.css", "app.js", "preact.js", "mqtt.js"}));
  EXPECT_EQ(tags.size(), names.size()) << "each has its own";
  EXPECT_THAT(page, HasSubstr("<!doctype html>"));
  EXPECT_EQ(page.find("<style"), std::string::npos) << "its policy wants none inside";
  EXPECT_EQ(page.find("<script>"), std::string::npos);
  for (const std::string start : {"href=\"", "src=\""}) {
    for (std::size_t at = page.find(start); at != std::string::npos;
         at = page.find(start, at + 1)) {
      const std::size_t from = at + start.size();
      const std::string name = page.substr(from, page.find('"', from) - from);
      EXPECT_TRUE(name.starts_with('#') || names.count(name) == 1) << name;
    }
  }
}

TEST(ConsoleAssets, AreFewBytes) {
  std::size_t bytes = 0;
  for (const Asset& asset : console_assets()) bytes += asset.gzip.size();
  EXPECT_LT(bytes, 300'000U);
}

}  // namespace
}  // namespace roost::http
