// SPDX-License-Identifier: Apache-2.0
// A listener on one core that is run by hand, and clients for it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/net/listener.h"

namespace roost::net {

class LinesLog final : public Log {
 public:
  bool enabled(LogLevel) const override { return true; }
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

// A listener on one core that is run by hand.
struct ListenerStage {
  ListenerStage() = default;
  ListenerStage(const ListenerStage&) = delete;
  ListenerStage& operator=(const ListenerStage&) = delete;
  ~ListenerStage() {
    listener.reset();
    turns(2);
  }

  void open(ListenerSettings settings) {
    auto opened = Listener::open(std::move(settings), cores, counters, log);
    ASSERT_TRUE(opened) << opened.error().message;
    listener = std::move(opened).value();
    listener->start([this](core::Core& core, DetachedConnection connection) {
      EXPECT_EQ(&core, &cores.at(CoreId{0}));
      accepted.push_back(std::move(connection));
    });
    turns(1);
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) cores.at(CoreId{0}).run_once(0);
  }

  ManualClock clock;
  core::Cores cores{1, clock};
  std::vector<NetCounters> counters = std::vector<NetCounters>(1);
  LinesLog log;
  std::vector<DetachedConnection> accepted;
  std::unique_ptr<Listener> listener;
};

inline ListenerSettings local_settings(std::string address = "127.0.0.1") {
  ListenerSettings settings;
  settings.name = "test";
  settings.address = std::move(address);
  settings.port = 0;
  settings.silent_for_s = 0;  // most tests look at clients that have said nothing yet
  return settings;
}

// A connected descriptor; -1 where it is refused.
int connect_to(const std::string& address, std::uint16_t port);

}  // namespace roost::net
