// SPDX-License-Identifier: Apache-2.0
// What asks the web about clients, with a real web: authentication service and key set.
#include <gtest/gtest.h>

#include <future>

#include "broker/auth/http_authenticator.h"
#include "broker/auth/jwks_keeper.h"
#include "broker/http/outbound.h"
#include "broker/http/server.h"

namespace roost::http {
namespace {

using mqtt::ReasonCode;

class Authentication : public testing::Test {
 protected:
  void serve(const std::string& method, const Handler& handler) {
    Settings settings;
    settings.port = 0;
    auto opened = Server::open(settings, {{method, "/a", handler}});
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(opened).value();
    server_->start();
    client_ = std::move(Outbound::open({})).value();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()) + "/a"; }

  SystemClock clock_;
  NullLog log_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Outbound> client_;
};

TEST_F(Authentication, AsksAServiceOverOneConnection) {
  serve("POST", [](const Request& request) {
    const bool knows = request.body.find(R"("password":"secret")") != request.body.npos;
    return Response{200, knows ? R"({"result":"allow"})" : R"({"result":"deny"})"};
  });
  auth::HttpAuthSettings settings;
  settings.url = url();
  auth::HttpAuthenticator authenticator(settings, *client_, clock_, log_);
  const auto code = [&](const std::string& user, const std::string& password) {
    auth::AuthRequest request;
    request.client_id = user;
    request.user_name = user;
    request.password = password;
    std::promise<ReasonCode> answered;
    authenticator.authenticate(std::move(request), [&](const auth::AuthResult& result) {
      answered.set_value(result.code);
    });
    return answered.get_future().get();
  };
  for (const char* user : {"a", "b", "c"}) {
    EXPECT_EQ(code(user, "secret"), ReasonCode::success);
    EXPECT_EQ(code(user, "wrong"), ReasonCode::not_authorized);
  }
  EXPECT_EQ(server_->requests(), 6u);
  EXPECT_EQ(client_->counters().connects, 1u);
  EXPECT_EQ(code("a", "secret"), ReasonCode::success);
  EXPECT_EQ(server_->requests(), 6u) << "remembered";
  server_->stop();
  EXPECT_EQ(code("d", "secret"), ReasonCode::server_unavailable);
}

TEST_F(Authentication, FetchesAKeySet) {
  serve("GET", [](const Request&) {
    return Response{200,
                    R"({"keys":[{"kty":"oct","kid":"k","k":")" + std::string(43, 'A') + "\"}]}"};
  });
  std::promise<std::size_t> keys;
  auth::JwksKeeper keeper(
      {.url = url()}, *client_,
      [&](const auth::JwtKeysPtr& set, SteadyMs) { keys.set_value(set->size()); }, clock_, log_);
  keeper.start();
  EXPECT_EQ(keys.get_future().get(), 1u);
}

}  // namespace
}  // namespace roost::http
