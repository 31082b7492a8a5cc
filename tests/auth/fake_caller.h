// SPDX-License-Identifier: Apache-2.0
// A web that answers when a test says so, and a log that can be read.
// Thread: own thread (tests).
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/auth/web_caller.h"
#include "broker/base/log.h"

namespace roost::auth {

class FakeCaller final : public WebCaller {
 public:
  struct Sent {
    WebRequest request;
    Done done;
  };

  void send(WebRequest request, Done done) override {
    sent.push_back({std::move(request), std::move(done)});
    ++total;
  }
  // Answers the oldest. Requires: there is one.
  void answer(unsigned status, std::string body) {
    finish(Result<WebAnswer>(WebAnswer{status, std::move(body)}));
  }
  void fail() { finish(error(ErrorKind::unavailable, "http://away.test:80: refused")); }

  std::deque<Sent> sent;  // and not yet answered
  int total = 0;

 private:
  void finish(Result<WebAnswer> result) {
    const Sent one = std::move(sent.front());
    sent.pop_front();
    one.done(std::move(result));
  }
};

class LogLines final : public Log {
 public:
  bool enabled(LogLevel) const override { return true; }
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }

  std::vector<std::string> lines;
};

}  // namespace roost::auth
