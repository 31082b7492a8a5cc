// SPDX-License-Identifier: Apache-2.0
#include "broker/http/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "broker/http/router.h"

namespace roost::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kToken = "0123456789abcdef";
constexpr const char* kOther = "fedcba9876543210";

Request request(const std::string& path, std::vector<std::pair<std::string, std::string>> headers,
                const std::string& method = "GET") {
  Request made;
  made.method = method;
  made.path = path;
  made.headers = std::move(headers);
  made.peer = "192.0.2.7";
  return made;
}

std::pair<std::string, std::string> bearer(const std::string& token) {
  return {"Authorization", "Bearer " + token};
}

class GuardTest : public testing::Test {
 protected:
  GuardTest() {
    char name[] = "/tmp/roost-guard-XXXXXX";
    folder_ = ::mkdtemp(name);
    settings_.address = "127.0.0.1";
  }
  ~GuardTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text) {
    settings_.token_file = folder_ + "/tokens";
    std::ofstream(settings_.token_file) << text;
  }
  Guard& guard() {
    if (guard_ == nullptr) {
      auto opened = Guard::open(settings_, clock_);
      EXPECT_TRUE(opened) << opened.error().message;
      guard_ = std::move(opened).value();
    }
    return *guard_;
  }
  // 200: may go on.
  unsigned ask(const Request& asked, bool is_open = false) {
    const auto refused = guard().check(asked, is_open);
    if (refused) answer_ = *refused;
    return refused ? refused->status : 200;
  }
  unsigned ask_with(const std::string& token, const std::string& peer = "192.0.2.7") {
    Request asked = request("/api/v1/status", {{"Host", "localhost"}, bearer(token)});
    asked.peer = peer;
    return ask(asked);
  }
  std::string header(const std::string& name) const {
    for (const auto& [own, value] : answer_.headers) {
      if (own == name) return value;
    }
    return {};
  }

  std::string folder_;
  ManualClock clock_;
  GuardSettings settings_;
  std::unique_ptr<Guard> guard_;
  Response answer_;
};

TEST_F(GuardTest, WithoutAnyWayInItSaysHowToMakeOne) {
  EXPECT_EQ(ask(request("/api/v1/status", {bearer(kToken)})), 403u);
  EXPECT_THAT(answer_.body, testing::StartsWith("{\"error\":"));
  EXPECT_THAT(answer_.body, HasSubstr("http.token_file"));
  EXPECT_EQ(answer_.content_type, "application/json");
  EXPECT_EQ(ask(request("/livez", {}), true), 200u);
  EXPECT_EQ(guard().counters().closed, 1u);
}

TEST_F(GuardTest, ATokenOpens) {
  settings_.token = kToken;
  EXPECT_EQ(ask_with(kToken), 200u);
  EXPECT_EQ(ask(request("/api/v1/status", {{"authorization", std::string("bEARER ") + kToken}})),
            200u);
  EXPECT_EQ(ask_with(kOther), 401u);
  EXPECT_EQ(header("WWW-Authenticate"), "Bearer realm=\"roost\"");
  EXPECT_THAT(answer_.body, Not(HasSubstr(kOther)));
  for (const std::string value : {"", "Bearer", "Bearer ", "Basic 0123456789abcdef", kToken}) {
    EXPECT_EQ(ask(request("/api/v1/status", {{"Authorization", value}})), 401u) << value;
    EXPECT_EQ(header("WWW-Authenticate"), "Bearer realm=\"roost\"");
  }
  EXPECT_EQ(ask(request("/api/v1/status", {})), 401u);
  for (const std::string& wrong : {std::string(kToken) + " ", std::string(" ") + kToken,
                                   std::string(kToken) + "0", std::string("0123456789abcde")}) {
    EXPECT_EQ(ask_with(wrong), 401u) << wrong;
  }
  EXPECT_EQ(guard().counters().wrong_token, 5u);
  EXPECT_EQ(guard().counters().no_token, 6u);
}

TEST_F(GuardTest, ACheckedCertificateOpensWhereTheyAreAsked) {
  Request asked = request("/api/v1/status", {});
  asked.has_certificate = true;
  EXPECT_EQ(ask(asked), 403u) << "nobody checks them";
  guard_.reset();
  settings_.takes_certificates = true;
  EXPECT_EQ(ask(asked), 200u);
  asked.has_certificate = false;
  EXPECT_EQ(ask(asked), 401u);
  EXPECT_THAT(answer_.body, HasSubstr("client certificate"));
}

TEST_F(GuardTest, TokensOfAFileAreReadAgain) {
  write(std::string("# old\n\n  ") + kToken + "\r\n");
  EXPECT_EQ(ask_with(kToken), 200u);
  write(std::string(kToken) + "\n" + kOther);
  ASSERT_TRUE(guard().reload());
  EXPECT_EQ(ask_with(kToken), 200u) << "both, while the one takes the other's place";
  EXPECT_EQ(ask_with(kOther), 200u);
  write(std::string(kOther) + "\n");
  ASSERT_TRUE(guard().reload());
  EXPECT_EQ(ask_with(kToken), 401u);
  write("short\n");
  const auto failed = guard().reload();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message,
            settings_.token_file + ":1: a token has at least 16 characters");
  EXPECT_EQ(ask_with(kOther), 200u) << "the old go on";
}

TEST_F(GuardTest, RefusesBadTokenFilesWithoutShowingThem) {
  const std::string secret = "secret-with blank";
  for (const std::string& text :
       {std::string(), std::string("# nothing\n"), std::string("abc"), secret,
        "\n" + std::string(5000, 'a'), std::string("0123456789abcdef\xC3\xA9")}) {
    const auto tokens = Tokens::parse(text, "tokens");
    ASSERT_FALSE(tokens) << text;
    EXPECT_THAT(tokens.error().message, testing::StartsWith("tokens:"));
    EXPECT_THAT(tokens.error().message, Not(HasSubstr("secret")));
  }
  std::string many;
  for (std::size_t i = 0; i <= kTokensMax; ++i) many += std::to_string(i) + kToken + "\n";
  EXPECT_THAT(Tokens::parse(many, "tokens").error().message, HasSubstr("tokens:1001: "));
  settings_.token_file = folder_ + "/missing";
  EXPECT_FALSE(Guard::open(settings_, clock_));
}

TEST_F(GuardTest, TenWrongTokensHoldAnAddressOff) {
  settings_.token = kToken;
  for (unsigned i = 0; i < kWrongMax; ++i) EXPECT_EQ(ask_with(kOther), 401u);
  EXPECT_EQ(ask_with(kOther), 429u);
  EXPECT_EQ(header("Retry-After"), "60");
  EXPECT_EQ(ask_with(kToken), 429u) << "or guessing would go on";
  EXPECT_EQ(ask_with(kToken, "192.0.2.8"), 200u) << "others aren't concerned";
  EXPECT_EQ(ask(request("/metrics", {bearer(kOther)}), true), 200u);
  clock_.advance_ms(kHoldOffMs - 1);
  EXPECT_EQ(ask_with(kToken), 429u);
  clock_.advance_ms(1);
  EXPECT_EQ(ask_with(kToken), 200u);
  EXPECT_EQ(guard().counters().too_many_wrong, 3u);
}

TEST_F(GuardTest, WrongTokensOfLongAgoAreForgotten) {
  settings_.token = kToken;
  for (unsigned i = 0; i < 3 * kWrongMax; ++i) {
    EXPECT_EQ(ask_with(kOther), 401u);
    clock_.advance_ms(kWrongWindowMs / 9 + 1);
  }
}

TEST(Attempts, AreOfABoundedNumberOfAddresses) {
  Attempts attempts;
  for (unsigned i = 0; i < kWrongMax; ++i) attempts.count_wrong("held", 0);
  for (std::size_t i = 0; i < 3 * kAddressesMax; ++i) attempts.count_wrong(std::to_string(i), 1);
  EXPECT_EQ(attempts.size(), kAddressesMax);
  EXPECT_GT(attempts.wait_ms("held", 1), 0) << "others make room first";
  attempts.count_wrong("late", kWrongWindowMs + kHoldOffMs);
  EXPECT_EQ(attempts.size(), 1u);
}

TEST(Attempts, AnIpv6NetworkIsOneAddress) {
  EXPECT_EQ(attempts_key("2001:db8:1:2:3:4:5:6"), attempts_key("2001:db8:1:2::9"));
  EXPECT_NE(attempts_key("2001:db8:1:3::9"), attempts_key("2001:db8:1:2::9"));
  EXPECT_EQ(attempts_key("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(attempts_key(""), "");
}

TEST_F(GuardTest, ChecksTheHost) {
  settings_.token = kToken;
  settings_.allowed_hosts = {"Roost.Example"};
  const auto with = [&](const std::string& host) {
    return ask(request("/api/v1/status", {{"Host", host}, bearer(kToken)}));
  };
  for (const char* good :
       {"localhost", "LOCALHOST:8042", "127.0.0.1:8042", "192.0.2.1", "[::1]:8042", "[2001:db8::1]",
        "roost.example", "roost.example.:443", ""}) {
    EXPECT_EQ(with(good), 200u) << good;
  }
  for (const char* bad : {"evil.example", "evil.example:8042", "roost.example.evil.example",
                          "x.localhost", "127.0.0.1.evil.example", "[::1", "[evil.example]",
                          ":8042", "127.0.0.1@evil.example", "localhost, evil.example"}) {
    EXPECT_EQ(with(bad), 421u) << bad;
  }
  EXPECT_EQ(ask(request("/x", {{"Host", "localhost"}, {"host", "evil.example"}})), 421u);
  EXPECT_EQ(ask(request("/metrics", {{"Host", "evil.example"}}), true), 421u);
  guard_.reset();
  settings_.address = "roost-1";
  EXPECT_EQ(ask(request("/metrics", {{"Host", "metrics.example"}}), true), 200u)
      << "served to the network, by whatever name";
  EXPECT_EQ(with("roost-1:8042"), 200u);
  EXPECT_EQ(with("metrics.example"), 421u);
}

TEST_F(GuardTest, ChecksTheOrigin) {
  settings_.token = kToken;
  settings_.allowed_origins = {"https://console.example"};
  const auto with = [&](const std::string& method, const std::string& path,
                        const std::string& origin) {
    return ask(
        request(path, {{"Host", "localhost:8042"}, {"Origin", origin}, bearer(kToken)}, method));
  };
  for (const char* good :
       {"http://localhost:8042", "https://LOCALHOST:8042", "https://console.example"}) {
    EXPECT_EQ(with("POST", "/api/v1/drain", good), 200u) << good;
    EXPECT_EQ(with("GET", "/api/v1/status", good), 200u) << good;
  }
  for (const char* bad : {"http://localhost:3000", "http://evil.example", "null", "localhost:8042",
                          "https://console.example.evil.example", "http://console.example"}) {
    EXPECT_EQ(with("POST", "/api/v1/drain", bad), 403u) << bad;
    EXPECT_EQ(with("GET", "/api/v1/status", bad), 403u) << bad;
    EXPECT_EQ(with("DELETE", "/other", bad), 403u) << bad;
    EXPECT_EQ(with("GET", "/other", bad), 200u) << "a page may load files: " << bad;
  }
  EXPECT_EQ(guard().counters().wrong_origin, 18u);
}

TEST_F(GuardTest, GuardsTheRoutesThatAreNotOpen) {
  settings_.token = kToken;
  const Handler fine = [](const Request&) { return Response{200, "fine"}; };
  const Router router({{"GET", "/open", fine, true}, {"GET", "/closed", fine}}, false, &guard());
  EXPECT_EQ(router.handle(request("/open", {})).status, 200u);
  EXPECT_EQ(router.handle(request("/closed", {})).status, 401u);
  EXPECT_EQ(router.handle(request("/closed", {}, "PUT")).status, 401u) << "before anything else";
  EXPECT_EQ(router.handle(request("/closed", {bearer(kToken)})).status, 200u);
  EXPECT_EQ(router.handle(request("/nowhere", {})).status, 404u);
  EXPECT_EQ(Router({{"GET", "/closed", fine}}).handle(request("/closed", {})).status, 200u)
      << "without a guard";
}

}  // namespace
}  // namespace roost::http
