// SPDX-License-Identifier: Apache-2.0
// Answers that take their time: slow handlers, answers from elsewhere, bodies that go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "broker/http/reply.h"
#include "broker/http/server.h"
#include "tests/http/raw_client.h"
#include "tests/support/eventually.h"

namespace roost::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string request(const std::string& line, const std::string& more = {}) {
  return line + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n";
}

bool becomes(const std::atomic<std::uint64_t>& counter, std::uint64_t wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (counter.load() != wanted) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class HttpSlow : public testing::Test {
 protected:
  ~HttpSlow() override { release(); }

  void start(Settings settings = {}) {
    settings.port = 0;
    std::vector<Route> routes;
    routes.push_back({"GET", "/livez", [](const Request&) { return Response{200, "alive\n"}; }});
    routes.push_back({.method = "GET",
                      .path = "/slow",
                      .handler =
                          [this](const Request&) {
                            ++begun_;
                            released_.wait();
                            return Response{200, "slow\n"};
                          },
                      .is_slow = true});
    routes.push_back({.method = "POST", .path = "/size", .handler = [this](const Request& asked) {
                        size_thread_ = std::this_thread::get_id();
                        return Response{200, std::to_string(asked.body.size())};
                      }});
    routes.push_back({.method = "GET", .path = "/later", .handler = {}, .later = later_});
    routes.push_back({.method = "GET", .path = "/stream", .handler = [this](const Request&) {
                        Response response{200, {}, "text/event-stream"};
                        response.stream = std::make_shared<BodySource>(
                            BodySource::Events{[this] { ++room_; }, [this] { ++gone_; }},
                            ": beat\n\n", BodySource::Limits{1000, most_bytes_});
                        sources_.push_back(response.stream);
                        ++streams_begun_;
                        return response;
                      }});
    auto opened = Server::open(settings, std::move(routes));
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(opened).value();
    server_->start();
  }
  void release() {
    if (!std::exchange(is_released_, true)) release_.set_value();
  }
  std::string ask(const std::string& text) {
    Client client(server_->port());
    client.send(text);
    return client.read_answer();
  }
  // The header of a stream has come.
  std::string begin_stream(Client& client) {
    client.send(request("GET /stream"));
    return client.read_until("\r\n\r\n");
  }

  std::promise<void> release_;
  std::shared_future<void> released_{release_.get_future()};
  bool is_released_ = false;
  std::size_t most_bytes_ = 64 << 20;
  std::atomic<std::uint64_t> begun_{0}, room_{0}, gone_{0}, streams_begun_{0};
  std::thread::id size_thread_;
  std::vector<std::shared_ptr<BodySource>> sources_;
  LaterHandler later_ = [](Request, const Reply&) {};
  std::unique_ptr<Server> server_;
};

TEST_F(HttpSlow, NobodyWaitsBehindASlowHandler) {
  start();
  Client slow(server_->port());
  slow.send(request("GET /slow"));
  ASSERT_TRUE(becomes(begun_, 1));
  EXPECT_THAT(ask(request("GET /livez")), EndsWith("alive\n"));
  release();
  EXPECT_THAT(slow.read_answer(), EndsWith("slow\n"));
}

TEST_F(HttpSlow, MoreThanMayWaitAreTold) {
  Settings settings;
  settings.workers = 1;
  settings.waiting_max = 1;
  start(settings);
  Client runs(server_->port()), waits(server_->port());
  runs.send(request("GET /slow"));
  ASSERT_TRUE(becomes(begun_, 1));
  waits.send(request("GET /slow"));
  ASSERT_TRUE(becomes(server_->counters().requests, 2));
  const std::string refused = ask(request("GET /slow"));
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1"));
  EXPECT_EQ(server_->counters().refused_slow, 1u);
  release();
  EXPECT_THAT(runs.read_answer(), EndsWith("slow\n"));
  EXPECT_THAT(waits.read_answer(), EndsWith("slow\n"));
}

TEST_F(HttpSlow, AnswersUnderWayLeaveAPlaceToProbes) {
  std::vector<Reply> held;
  later_ = [&held](Request, const Reply& reply) { held.push_back(reply); };
  Settings settings;
  settings.max_connections = 2;
  settings.patience_ms = 0;
  start(settings);
  Client one(server_->port());
  one.send(request("GET /later"));
  ASSERT_TRUE(becomes(server_->counters().requests, 1));
  const std::string refused = ask(request("GET /later", "Connection: close\r\n"));
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 1"));
  EXPECT_EQ(server_->counters().refused_slow, 1u);
  // Who was refused has its place until it has closed.
  EXPECT_TRUE(support::eventually([&] { return ask(request("GET /livez")).ends_with("alive\n"); }));
  held.at(0)({200, "in the end\n"});
  EXPECT_THAT(one.read_answer(), EndsWith("in the end\n"));
}

TEST_F(HttpSlow, ALargeBodyGoesToAWorker) {
  start();
  ask(request("POST /size", "Content-Length: 1\r\n") + "x");
  const std::thread::id own = size_thread_;
  const std::string body(100'000, 'x');
  EXPECT_THAT(ask(request("POST /size", "Content-Length: 100000\r\n") + body), EndsWith("100000"));
  EXPECT_NE(size_thread_, own);
}

TEST_F(HttpSlow, AnAnswerComesFromAnyThread) {
  std::promise<Reply> given;
  later_ = [&given](Request, const Reply& reply) { given.set_value(reply); };
  start();
  Client client(server_->port());
  client.send(request("GET /later"));
  const Reply reply = given.get_future().get();
  EXPECT_THAT(ask(request("GET /livez")), EndsWith("alive\n"));
  reply({200, "first\n"});
  reply({500, "second\n"});
  EXPECT_THAT(client.read_answer(), EndsWith("first\n"));
  client.send(request("GET /livez"));
  EXPECT_THAT(client.read_answer(), EndsWith("alive\n")) << "the connection goes on";
}

TEST_F(HttpSlow, WhoNeverAnswersOrThrowsIsA500) {
  std::atomic<bool> throws{false};
  later_ = [&throws](Request, const Reply&) {
    if (throws) throw std::runtime_error("secret");
  };
  start();
  EXPECT_THAT(ask(request("GET /later")), StartsWith("HTTP/1.1 500"));
  throws = true;
  const std::string answer = ask(request("GET /later"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, Not(HasSubstr("secret")));
}

TEST_F(HttpSlow, StopsWithAnAnswerStillToCome) {
  std::promise<Reply> given;
  later_ = [&given](Request, const Reply& reply) { given.set_value(reply); };
  start();
  Client client(server_->port());
  client.send(request("GET /later"));
  const Reply reply = given.get_future().get();
  server_->stop();
  reply({200, "too late\n"});
  server_.reset();
  EXPECT_EQ(client.read_answer(), "");
}

TEST_F(HttpSlow, AStreamGoesOnUntilItEnds) {
  start();
  Client client(server_->port());
  const std::string header = begin_stream(client);
  EXPECT_THAT(header, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(header, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(header, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_EQ(server_->counters().streams, 1u);
  EXPECT_TRUE(sources_[0]->append("one"));
  EXPECT_EQ(client.read_until("one\r\n"), "3\r\none\r\n");
  EXPECT_TRUE(sources_[0]->append(std::string(26, 'x')));
  EXPECT_EQ(client.read_until("x\r\n"), "1a\r\n" + std::string(26, 'x') + "\r\n");
  sources_[0]->end();
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(becomes(gone_, 1));
  EXPECT_EQ(server_->counters().streams, 0u);
  EXPECT_FALSE(sources_[0]->append("more"));
}

TEST_F(HttpSlow, AStreamThatIsSilentBeats) {
  Settings settings;
  settings.heartbeat_ms = 10;
  settings.timeout_ms = 50;
  start(settings);
  Client client(server_->port());
  begin_stream(client);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(client.read_until("\n\n\r\n"), "8\r\n: beat\n\n\r\n");
  }
  sources_[0]->append("one");
  EXPECT_THAT(client.read_until("one\r\n"), EndsWith("3\r\none\r\n"));
}

TEST_F(HttpSlow, HeadOfAStreamIsItsHeader) {
  start();
  Client client(server_->port());
  client.send(request("HEAD /stream") + request("GET /livez"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("text/event-stream"));
  EXPECT_THAT(client.read_answer(), EndsWith("alive\n"));
  EXPECT_EQ(gone_, 1u);
  EXPECT_EQ(server_->counters().streams, 0u);
}

TEST_F(HttpSlow, AnOldClientGetsTheStreamWithoutChunks) {
  start();
  Client client(server_->port());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), Not(HasSubstr("chunked")));
  sources_[0]->append("one");
  EXPECT_EQ(client.read_until("one"), "one");
  sources_[0]->end();
  EXPECT_TRUE(client.at_end());
}

TEST_F(HttpSlow, AClientThatGoesAwayEndsItsStream) {
  start();
  {
    Client client(server_->port());
    begin_stream(client);
  }
  EXPECT_TRUE(becomes(gone_, 1));
  EXPECT_TRUE(becomes(server_->counters().streams, 0));
  EXPECT_EQ(server_->counters().slow_readers, 0u);
}

TEST_F(HttpSlow, WhoDoesNotReadIsEnded) {
  Settings settings;
  settings.timeout_ms = 200;
  start(settings);
  Client client(server_->port());
  begin_stream(client);
  // More than the kernel's buffers take.
  for (int i = 0; i < 32; ++i) sources_[0]->append(std::string(1 << 20, 'x'));
  EXPECT_TRUE(becomes(server_->counters().slow_readers, 1));
  EXPECT_TRUE(becomes(gone_, 1));
  EXPECT_FALSE(sources_[0]->is_full());
  EXPECT_FALSE(sources_[0]->append("x"));
}

TEST_F(HttpSlow, WhoReadsMakesRoom) {
  start();
  Client client(server_->port());
  begin_stream(client);
  std::uint64_t blocks = 0;
  for (; !sources_[0]->is_full(); ++blocks) sources_[0]->append(std::string(1000, 'x'));
  EXPECT_TRUE(becomes(room_, 1));
  for (std::uint64_t i = 0; i < blocks * 1000;) {
    i += static_cast<std::uint64_t>(std::ranges::count(client.read_until("x"), 'x'));
  }
}

TEST_F(HttpSlow, AStreamIsGivenUpWhereTooMuchWaits) {
  most_bytes_ = 2000;
  start();
  Client client(server_->port());
  begin_stream(client);
  EXPECT_FALSE(sources_[0]->append(std::string(2001, 'x')));
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(becomes(gone_, 1));
  EXPECT_EQ(server_->counters().slow_readers, 1u);
}

TEST_F(HttpSlow, OneStreamTooManyIsToldAndTakesNoPlace) {
  Settings settings;
  settings.max_streams = 2;
  settings.max_connections = 1;
  settings.patience_ms = 3'600'000;
  start(settings);
  Client one(server_->port());
  begin_stream(one);
  Client two(server_->port());
  EXPECT_THAT(begin_stream(two), StartsWith("HTTP/1.1 200"));
  const std::string refused = ask(request("GET /stream", "Connection: close\r\n"));
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(server_->counters().refused_streams, 1u);
  EXPECT_EQ(server_->counters().refused, 0u);
  EXPECT_TRUE(becomes(gone_, 1));
}

TEST_F(HttpSlow, StopsWithAStreamOpen) {
  start();
  Client client(server_->port());
  begin_stream(client);
  server_->stop();
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(gone_, 1u);
  server_.reset();
  EXPECT_FALSE(sources_[0]->append("x"));
}

}  // namespace
}  // namespace roost::http
