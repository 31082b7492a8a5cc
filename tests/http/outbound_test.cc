// SPDX-License-Identifier: Apache-2.0
#include "broker/http/outbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>

#include "broker/http/web_url.h"
#include "tests/http/loopback.h"
#include "tests/http/outbound_calls.h"

namespace roost::http {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Outbound, SendsWhatItWasGiven) {
  std::promise<std::string> seen;
  Loopback server([&](Peer& peer, int) {
    seen.set_value(peer.read_request());
    peer.write("HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nmade");
  });
  const auto client = open();
  WebRequest request{
      "POST", url_of(server, "/a?b=c"), {{"Authorization", "Bearer x"}}, "{\"d\":1}"};
  const auto answer = begin(*client, request).get();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201u);
  EXPECT_EQ(answer->body, "made");
  EXPECT_THAT(seen.get_future().get(),
              AllOf(StartsWith("POST /a?b=c HTTP/1.1\r\n"), HasSubstr("Bearer x\r\n"),
                    HasSubstr("Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"),
                    testing::EndsWith("\r\n\r\n{\"d\":1}")));
}

TEST(Outbound, KeepsAConnectionForTheNextRequest) {
  Loopback server([](Peer& peer, int) { answer_all(peer, "x"); });
  const auto client = open();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(*client, url_of(server))->body, "x");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client->counters().connects, 1u);
  EXPECT_EQ(client->counters().answers, 5u);
}

TEST(Outbound, ClosesWhatTheOtherSideDoesNotKeep) {
  Loopback server([](Peer& peer, int) {
    peer.read_request();
    peer.answer("x", "Connection: close\r\n");
  });
  const auto client = open();
  EXPECT_EQ(get(*client, url_of(server))->body, "x");
  EXPECT_EQ(get(*client, url_of(server))->body, "x");
  EXPECT_EQ(server.connections(), 2);
  EXPECT_EQ(client->counters().retries, 0u);
}

TEST(Outbound, TriesOnceMoreWhereAKeptConnectionWasClosed) {
  Loopback server([](Peer& peer, int number) {
    if (number > 0) return answer_all(peer, "second");
    peer.read_request();
    peer.answer("first");
    peer.read_request();  // and goes without a word
  });
  const auto client = open();
  EXPECT_EQ(get(*client, url_of(server))->body, "first");
  const auto again = get(*client, url_of(server));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->body, "second");
  EXPECT_EQ(client->counters().retries, 1u);
}

TEST(Outbound, TriesNothingOnceMoreThatWasBegunToBeAnswered) {
  Loopback server([](Peer& peer, int) {
    peer.read_request();
    peer.answer("first");
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nContent-Le");
  });
  const auto client = open();
  EXPECT_TRUE(get(*client, url_of(server)));
  EXPECT_FALSE(get(*client, url_of(server)));
  EXPECT_EQ(client->counters().retries, 0u);
  EXPECT_EQ(server.connections(), 1);
}

TEST(Outbound, AnInterimAnswerIsNotTheAnswer) {
  Loopback server([](Peer& peer, int) {
    for (const char* const answer : {"one", "two"}) {
      peer.read_request();
      peer.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      peer.answer(answer);
    }
  });
  const auto client = open();
  for (const char* const expected : {"one", "two"}) {
    const auto answer = get(*client, url_of(server));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200u);
    EXPECT_EQ(answer->body, expected);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(Outbound, InterimAnswersHaveALimitAndProtocolsStay) {
  Loopback server([](Peer& peer, int number) {
    peer.read_request();
    const char* const line = number == 0 ? "HTTP/1.1 101 Switching Protocols\r\n\r\n"
                                         : "HTTP/1.1 102 Processing\r\n\r\n";
    for (int i = 0; i < 20; ++i) peer.write(line);
    peer.read_request();
  });
  const auto client = open();
  EXPECT_THAT(get(*client, url_of(server)).error().message, HasSubstr("answers 101"));
  EXPECT_THAT(get(*client, url_of(server)).error().message, HasSubstr("answers 102"));
}

TEST(Outbound, WhatComesUnaskedIsNoAnswer) {
  std::latch is_idle(1), is_written(1);
  Loopback server([&](Peer& peer, int number) {
    peer.read_request();
    peer.answer(number == 0 ? "first" : "second");
    if (number == 0) {
      is_idle.wait();
      peer.answer("of nothing");
      is_written.count_down();
    }
    peer.read_request();
  });
  const auto client = open();
  EXPECT_EQ(get(*client, url_of(server))->body, "first");
  is_idle.count_down();
  is_written.wait();
  EXPECT_EQ(get(*client, url_of(server))->body, "second");
  EXPECT_EQ(server.connections(), 2);
}

TEST(Outbound, AFreshConnectionThatSaysNothingIsNotTriedAgain) {
  Loopback server([](Peer& peer, int) { peer.read_request(); });
  const auto client = open();
  const auto answer = get(*client, url_of(server));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(server.connections(), 1);
}

TEST(Outbound, GivesUpInTime) {
  Loopback server([](Peer& peer, int) {
    peer.read_request();
    peer.read_request();  // silent until the client goes
  });
  OutboundSettings settings;
  settings.timeout_ms = 50;
  const auto client = open(settings);
  const auto answer = get(*client, url_of(server, "/secret"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(answer.error().message, AllOf(HasSubstr("in time"), Not(HasSubstr("secret"))));
  EXPECT_EQ(client->counters().timeouts, 1u);
  EXPECT_EQ(client->counters().pending, 0u);
}

TEST(Outbound, NobodyThereIsAnErrorAtOnce) {
  std::string url;
  {
    const Loopback gone([](Peer&, int) {});
    url = url_of(gone);
  }
  const auto client = open();
  EXPECT_EQ(get(*client, url).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(client->counters().failures, 1u);
}

TEST(Outbound, AnAnswerHasALimit) {
  Loopback server([](Peer& peer, int) {
    const std::string request = peer.read_request();
    if (request.starts_with("GET /fits")) peer.answer(std::string(1000, 'x'));
    if (request.starts_with("GET /length")) peer.answer(std::string(1001, 'x'));
    if (request.starts_with("GET /endless")) {
      peer.write("HTTP/1.1 200 OK\r\n\r\n" + std::string(5000, 'x'));
    }
    if (request.starts_with("GET /header")) {
      peer.answer("x", "A: " + std::string(70'000, 'x') + "\r\n");
    }
  });
  OutboundSettings settings;
  settings.body_bytes_max = 1000;
  const auto client = open(settings);
  EXPECT_TRUE(get(*client, url_of(server, "/fits")));
  for (const char* target : {"/length", "/endless", "/header"}) {
    EXPECT_FALSE(get(*client, url_of(server, target))) << target;
  }
}

TEST(Outbound, RedirectsAreAnswersAndNotFollowed) {
  Loopback server([](Peer& peer, int) {
    peer.read_request();
    peer.write("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
  });
  EXPECT_EQ(get(*open(), url_of(server))->status, 302u);
  EXPECT_EQ(server.connections(), 1);
}

TEST(Outbound, ConnectionsAndWaitingRequestsAreBounded) {
  std::promise<void> go;
  const std::shared_future<void> may_go(go.get_future());
  std::latch busy(2);
  Loopback server([&](Peer& peer, int) {
    peer.read_request();
    busy.count_down();
    may_go.wait();
    peer.answer("x");
    answer_all(peer, "x");
  });
  OutboundSettings settings;
  settings.connections_max = 2;
  settings.pending_max = 5;
  const auto client = open(settings);
  std::vector<std::future<Result<WebAnswer>>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(begin(*client, {.url = url_of(server)}));
  busy.wait();
  auto refused = begin(*client, {.url = url_of(server)});
  ASSERT_EQ(refused.wait_for(std::chrono::seconds(0)), std::future_status::ready) << "at once";
  EXPECT_EQ(refused.get().error().kind, ErrorKind::resource_exhausted);
  EXPECT_EQ(client->counters().refused, 1u);
  go.set_value();
  for (auto& answer : answers) EXPECT_TRUE(answer.get());
  EXPECT_EQ(server.connections(), 2);
}

TEST(Outbound, StopAnswersAll) {
  std::latch busy(1);
  Loopback server([&](Peer& peer, int) {
    peer.read_request();
    busy.count_down();
    peer.read_request();
  });
  OutboundSettings settings;
  settings.connections_max = 1;
  const auto client = open(settings);
  auto on_the_way = begin(*client, {.url = url_of(server)});
  auto waiting = begin(*client, {.url = url_of(server)});
  busy.wait();
  client->stop();
  EXPECT_EQ(on_the_way.get().error().kind, ErrorKind::unavailable);
  EXPECT_EQ(waiting.get().error().kind, ErrorKind::unavailable);
  EXPECT_EQ(get(*client, url_of(server)).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(client->counters().pending, 0u);
}

TEST(Outbound, AnIdleConnectionIsClosed) {
  std::promise<bool> end;
  Loopback server([&](Peer& peer, int) {
    peer.read_request();
    peer.answer("x");
    peer.read_request();
    end.set_value(peer.was_closed());
  });
  OutboundSettings settings;
  settings.idle_ms = 10;
  const auto client = open(settings);
  EXPECT_TRUE(get(*client, url_of(server)));
  EXPECT_TRUE(end.get_future().get());
}

TEST(Outbound, AConnectionHasItsOwnTime) {
  // It waits for the client's hello, but answers none.
  Loopback server([](Peer& peer, int) { peer.read_request(); });
  OutboundSettings settings;
  settings.connect_timeout_ms = 20;
  settings.timeout_ms = 60'000;
  const auto client = open(settings);
  const auto answer = get(*client, "https://127.0.0.1:" + std::to_string(server.port()));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("no connection in time"));
}

TEST(Outbound, OriginsAreBounded) {
  Loopback first([](Peer& peer, int) { answer_all(peer, "x"); });
  Loopback second([](Peer& peer, int) { answer_all(peer, "x"); });
  OutboundSettings settings;
  settings.origins_max = 1;
  const auto client = open(settings);
  EXPECT_TRUE(get(*client, url_of(first)));
  EXPECT_EQ(get(*client, url_of(second)).error().kind, ErrorKind::resource_exhausted);
  EXPECT_TRUE(get(*client, url_of(first)));
}

TEST(Outbound, WhatHttpCannotCarryIsRefused) {
  const auto client = open();
  const auto kind = [&](WebRequest request) {
    const auto answer = begin(*client, std::move(request)).get();
    EXPECT_FALSE(answer);
    EXPECT_THAT(answer.error().message, Not(HasSubstr("hunter2")));
    return answer.error().kind;
  };
  for (const char* url : {"", "ftp://h/", "http://", "http:///x", "http://u:hunter2@h/",
                          "http://h/a b", "http://h/\r\nA: hunter2", "http://h:0/",
                          "http://h:65536/", "http://h:x/", "http://[::1"}) {
    EXPECT_EQ(kind({.url = url}), ErrorKind::invalid_argument) << url;
  }
  const std::string good = "http://127.0.0.1:1/";
  EXPECT_EQ(kind({.method = "G\r\nT", .url = good}), ErrorKind::invalid_argument);
  EXPECT_EQ(kind({.method = "CONNECT", .url = good}), ErrorKind::invalid_argument);
  EXPECT_EQ(kind({.url = good, .headers = {{"A", "hunter2\r\nB: c"}}}),
            ErrorKind::invalid_argument);
  EXPECT_EQ(kind({.url = good, .headers = {{"A:", "b"}}}), ErrorKind::invalid_argument);
  const std::string long_text(kWebHeaderBytesMost, 'a');
  EXPECT_EQ(kind({.url = good, .headers = {{"A", long_text}}}), ErrorKind::invalid_argument);
  EXPECT_EQ(kind({.url = good + long_text}), ErrorKind::invalid_argument);
  EXPECT_EQ(client->counters().requests, 0u);
}

TEST(Outbound, ALimitThatMakesNoSenseIsAnError) {
  OutboundSettings settings;
  settings.header_bytes_max = kWebHeaderBytesMost + 1;
  EXPECT_FALSE(Outbound::open(settings));
  settings.header_bytes_max = kWebHeaderBytesMost;
  settings.connections_max = 0;
  EXPECT_FALSE(Outbound::open(settings));
}

}  // namespace
}  // namespace roost::http
