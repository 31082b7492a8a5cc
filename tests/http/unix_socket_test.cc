// SPDX-License-Identifier: Apache-2.0
// The HTTP server on a Unix socket, asked by our own client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "broker/http/client.h"
#include "broker/http/server.h"
#include "broker/http/unix_path.h"
#include "broker/net/socket.h"

namespace roost::http {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class HttpUnixSocket : public testing::Test {
 protected:
  HttpUnixSocket() {
    char name[] = "/tmp/roost-http-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/admin.sock";
  }
  ~HttpUnixSocket() override {
    server_.reset();
    fs::remove_all(folder_);
  }

  void start() {
    auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(opened).value();
    server_->start();
  }
  Result<std::unique_ptr<Server>> open() {
    Settings settings;
    settings.unix_path = path_;
    settings.json_errors = true;
    settings.body_bytes_max = 1000;
    const Handler echo = [](const Request& request) {
      return Response{201, request.path + "|" + request.query + "|" + request.body};
    };
    const Handler fail = [](const Request&) -> Response { throw std::runtime_error("secret"); };
    return Server::open(settings, {{"POST", "/api/v1/echo", echo}, {"GET", "/api/v1/fail", fail}});
  }
  Response ask(const std::string& method, const std::string& target, const std::string& body = {}) {
    const auto answer = ask_unix(path_, method, target, body);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : Response{0, ""};
  }
  mode_t mode() const {
    struct stat about {};
    EXPECT_EQ(::lstat(path_.c_str(), &about), 0);
    EXPECT_TRUE(S_ISSOCK(about.st_mode));
    return about.st_mode & 07777;
  }

  std::string folder_, path_;
  std::unique_ptr<Server> server_;
};

TEST_F(HttpUnixSocket, IsForItsOwnerOnlyAndGoesWithTheServer) {
  start();
  EXPECT_EQ(mode(), 0600u);
  const Response answer = ask("POST", "/api/v1/echo?a=b", "body");
  EXPECT_EQ(answer.status, 201u);
  EXPECT_EQ(answer.body, "/api/v1/echo|a=b|body");
  server_->stop();
  EXPECT_FALSE(fs::exists(path_));
}

// The mode doesn't depend on what comes after bind().
TEST_F(HttpUnixSocket, HasItsModeFromTheFirstMoment) {
  const mode_t before = ::umask(0);
  const auto socket = net::listen_unix(path_, 0600);
  ::umask(before);
  ASSERT_TRUE(socket);
  EXPECT_EQ(mode(), 0600u);
  struct stat about {};
  ASSERT_EQ(::fstat(socket->get(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600u) << "set before bind()";
}

TEST_F(HttpUnixSocket, MayHaveALongPath) {
  path_ = folder_;
  for (int i = 0; i < 4; ++i) path_ += "/" + std::string(100, static_cast<char>('a' + i));
  fs::create_directories(path_);
  path_ += "/admin.sock";
  start();
  EXPECT_EQ(mode(), 0600u);
  EXPECT_EQ(ask("POST", "/api/v1/echo", "x").status, 201u);
  server_->stop();
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(HttpUnixSocket, TakesOverADeadOneButNoLivingOne) {
  { ASSERT_TRUE(net::listen_unix(path_, 0600)); }  // closed, the file stays
  ASSERT_TRUE(fs::exists(path_));
  start();
  EXPECT_EQ(ask("POST", "/api/v1/echo").status, 201u);
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::already_exists);
  EXPECT_EQ(ask("POST", "/api/v1/echo").status, 201u) << "the first goes on";
}

TEST_F(HttpUnixSocket, OneThatWasNeverStartedLeavesNoFile) {
  { ASSERT_TRUE(open()); }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(HttpUnixSocket, SaysItsErrorsAsJson) {
  start();
  const Response missing = ask("GET", "/api/v1/nothing");
  EXPECT_EQ(missing.status, 404u);
  EXPECT_EQ(missing.content_type, "application/json");
  EXPECT_EQ(missing.body,
            "{\"error\":\"there is nothing at /api/v1/nothing; there is GET /api/v1/fail, POST "
            "/api/v1/echo\"}\n");
  const Response wrong = ask("DELETE", "/api/v1/echo");
  EXPECT_EQ(wrong.status, 405u);
  EXPECT_THAT(wrong.body, HasSubstr("allowed here: POST"));
  const Response failed = ask("GET", "/api/v1/fail");
  EXPECT_EQ(failed.status, 500u);
  EXPECT_EQ(failed.body, "{\"error\":\"internal error\"}\n");
  const Response large = ask("POST", "/api/v1/echo", std::string(1001, 'x'));
  EXPECT_EQ(large.status, 413u);
  EXPECT_THAT(large.body, HasSubstr("{\"error\":\"the request's body"));
}

TEST_F(HttpUnixSocket, NobodyThereIsUnavailable) {
  EXPECT_EQ(ask_unix(path_, "GET", "/").error().kind, ErrorKind::unavailable);
  EXPECT_EQ(ask_unix(folder_ + "/no/folder/admin.sock", "GET", "/").error().kind,
            ErrorKind::unavailable);
  const std::string deep = folder_ + "/" + std::string(200, 'x') + "/admin.sock";
  EXPECT_EQ(ask_unix(deep, "GET", "/").error().kind, ErrorKind::unavailable);
  { ASSERT_TRUE(net::listen_unix(path_, 0600)); }
  EXPECT_EQ(ask_unix(path_, "GET", "/").error().kind, ErrorKind::unavailable) << "a dead one's";
}

TEST_F(HttpUnixSocket, SilenceIsNotNobody) {
  const auto silent = net::listen_unix(path_, 0600);
  ASSERT_TRUE(silent);
  const auto answer = ask_unix(path_, "GET", "/", "", 50);
  EXPECT_EQ(answer.error().kind, ErrorKind::io);
  EXPECT_THAT(answer.error().message, HasSubstr("no answer in time; it may go on"));
}

}  // namespace
}  // namespace roost::http
