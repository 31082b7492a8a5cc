// SPDX-License-Identifier: Apache-2.0
// The HTTP server from outside, over raw sockets on a free port.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "broker/http/routes.h"
#include "broker/http/server.h"
#include "tests/http/raw_client.h"

namespace roost::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServer : public testing::Test {
 protected:
  void start(Settings settings = {}) {
    settings.port = 0;
    metrics_.add_counter("roost_test_total", "A test.", [] { return 5.0; });
    auto routes = operator_routes(
        metrics_, {[] { return std::string(); }, [this] { return ready_ ? "" : "draining"; }});
    routes.push_back({"POST", "/api/v1/*", [](const Request& request) {
                        return Response{201, request.path + "|" + request.query + "|" +
                                                 request.body + "|" +
                                                 std::string(request.header("x-test"))};
                      }});
    routes.push_back({"GET", "/throws", [](const Request&) -> Response {
                        throw std::runtime_error("secret detail");
                      }});
    auto opened = Server::open(settings, std::move(routes));
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(opened).value();
    server_->start();
  }

  std::string ask(const std::string& request) {
    Client client(server_->port());
    client.send(request);
    return client.read_answer();
  }
  std::string get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  observe::Metrics metrics_;
  std::atomic<bool> ready_{true};
  std::unique_ptr<Server> server_;
};

TEST_F(HttpServer, ServesTheMetrics) {
  start();
  const std::string answer = get("/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(answer, EndsWith("roost_test_total 5\n"));
}

TEST_F(HttpServer, AnswersProbesByTheirCallbacks) {
  start();
  EXPECT_THAT(get("/livez"), EndsWith("\r\n\r\nalive\n"));
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200"));
  ready_ = false;
  const std::string answer = get("/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable"));
  EXPECT_THAT(answer, EndsWith("draining\n"));
}

TEST_F(HttpServer, KnowsWhatIsNotThereAndWhatIsNotAllowed) {
  start();
  EXPECT_THAT(get("/metricsx"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 404"));
  const std::string answer = ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(HttpServer, HandsPathQueryHeaderAndBodyToAPrefixRoute) {
  start();
  const std::string answer =
      ask("POST /api/v1/sessions?limit=3&x=y HTTP/1.1\r\nHost: x\r\nX-Test: z\r\n"
          "Content-Length: 4\r\n\r\nbody");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 201"));
  EXPECT_THAT(answer, EndsWith("/api/v1/sessions|limit=3&x=y|body|z"));
}

TEST_F(HttpServer, KeepsAConnectionForManyRequestsEvenPipelined) {
  start();
  Client client(server_->port());
  for (int i = 0; i < 3; ++i) client.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 3; ++i) EXPECT_THAT(client.read_answer(), EndsWith("alive\n"));
  client.send("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_answer(), HasSubstr("Connection: close"));
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(server_->requests(), 4u);
}

TEST_F(HttpServer, HeadHasTheLengthButNoBody) {
  start();
  Client client(server_->port());
  client.send("HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_answer(false), HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServer, AnOldClientIsServedAndClosed) {
  start();
  Client client(server_->port());
  client.send("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("alive\n"));
  EXPECT_TRUE(client.at_end());
}

TEST_F(HttpServer, AHandlersExceptionIsA500WithoutDetails) {
  start();
  const std::string answer = get("/throws");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
}

TEST_F(HttpServer, RefusesWhatIsTooLargeOrNotHttp) {
  Settings settings;
  settings.header_bytes_max = 1000;
  settings.body_bytes_max = 100;
  start(settings);
  EXPECT_THAT(get("/" + std::string(2000, 'a')), StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(ask("POST /api/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask("\x10\x0c\r\nnonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpServer, OneConnectionTooManyIsTold) {
  Settings settings;
  settings.max_connections = 2;
  settings.patience_ms = 3'600'000;
  start(settings);
  Client one(server_->port()), two(server_->port());
  for (Client* client : {&one, &two}) {
    client->send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client->read_answer(), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(server_->refused_connections(), 1u);
}

TEST_F(HttpServer, WhoKeepsARequestToHimselfMakesRoomForOthers) {
  Settings settings;
  settings.max_connections = 2;
  settings.patience_ms = 0;
  start(settings);
  Client one(server_->port()), two(server_->port());
  one.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(one.read_answer(), StartsWith("HTTP/1.1 200"));
  two.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(two.read_answer(), StartsWith("HTTP/1.1 200"));
  two.send("GET /livez HTT");
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(one.at_end()) << "it had waited longest";
  EXPECT_EQ(server_->counters().evicted, 1u);
  EXPECT_EQ(server_->refused_connections(), 0u);
}

TEST_F(HttpServer, ASilentConnectionIsClosed) {
  Settings settings;
  settings.timeout_ms = 50;
  start(settings);
  Client client(server_->port());
  client.send("GET /livez HTT");
  EXPECT_TRUE(client.at_end());
}

TEST_F(HttpServer, StopsAtOnceWithConnectionsOpen) {
  start();
  Client idle(server_->port()), half(server_->port());
  half.send("GET /livez HTTP/1.1\r\n");
  idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(idle.read_answer(), EndsWith("alive\n"));
  const std::uint16_t port = server_->port();
  server_->stop();
  server_->stop();
  EXPECT_TRUE(idle.at_end());
  EXPECT_FALSE(Client(port).connected());
}

TEST_F(HttpServer, AnAddressInUseIsAnErrorThatNamesIt) {
  start();
  Settings settings;
  settings.port = server_->port();
  const auto second = Server::open(settings, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::already_exists);
  EXPECT_THAT(second.error().message, HasSubstr("port " + std::to_string(server_->port())));
}

TEST(HttpServerAddress, AnyAndIpv6AndNonsense) {
  for (const char* address : {"*", "127.0.0.1", "localhost"}) {
    Settings settings;
    settings.address = address;
    settings.port = 0;
    const auto opened = Server::open(settings, {});
    EXPECT_TRUE(opened) << address << ": " << opened.error().message;
  }
  Settings settings;
  settings.address = "192.0.2.1";  // TEST-NET-1: nobody's
  const auto foreign = Server::open(settings, {});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace roost::http
