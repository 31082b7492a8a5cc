// SPDX-License-Identifier: Apache-2.0
// What tests of outgoing HTTP share.
// Thread: any thread.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "broker/http/outbound.h"
#include "tests/http/loopback.h"

namespace roost::http {

using auth::WebAnswer;
using auth::WebRequest;

inline std::unique_ptr<Outbound> open(OutboundSettings settings = {}) {
  auto opened = Outbound::open(std::move(settings));
  EXPECT_TRUE(opened) << opened.error().message;
  return std::move(opened).value();
}

inline std::string url_of(const Loopback& server, const std::string& target = "/") {
  return "http://127.0.0.1:" + std::to_string(server.port()) + target;
}

inline std::future<Result<WebAnswer>> begin(Outbound& client, WebRequest request) {
  auto promise = std::make_shared<std::promise<Result<WebAnswer>>>();
  client.send(std::move(request),
              [promise](Result<WebAnswer> result) { promise->set_value(std::move(result)); });
  return promise->get_future();
}

inline Result<WebAnswer> get(Outbound& client, const std::string& url) {
  return begin(client, {.url = url}).get();
}

inline void answer_all(Peer& peer, const std::string& body) {
  while (!peer.read_request().empty()) peer.answer(body);
}

}  // namespace roost::http
