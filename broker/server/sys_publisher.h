// SPDX-License-Identifier: Apache-2.0
// What a node does by the clock, on its first core: once a second the connection log's summary of
// suppressed lines and a tick of the node's history, and every mqtt.sys_interval $SYS/broker/...
// Thread: core-bound (core 0); made and destroyed while the cores don't run.
// Owner: Server.
#pragma once

#include "broker/core/timer_wheel.h"
#include "broker/observe/sys_topics.h"
#include "broker/server/node.h"

namespace roost::server {

class SysPublisher final : private core::Timer {
 public:
  explicit SysPublisher(Node& node);
  // On core 0.
  void start();

 private:
  static constexpr SteadyMs kTickMs = 1000;

  void on_timer() override;
  void publish();
  observe::SysNumbers numbers();
  HistoryTotals totals() const;

  Node& node_;
  observe::SysTopics topics_;
  SteadyMs next_publish_ms_ = 0;
  std::uint64_t clients_maximum_ = 0;
  std::uint64_t heap_maximum_ = 0;
};

}  // namespace roost::server
