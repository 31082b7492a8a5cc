// SPDX-License-Identifier: Apache-2.0
// $SYS/broker/...: the broker's numbers as retained messages under mosquitto's names, so that
// dashboards people have go on working. Pure: numbers and a time in, topics and texts out.
// Thread: core-bound (whoever publishes them).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/base/clock.h"

namespace roost::observe {

// Totals since start, and gauges of now. Of the node; of the cluster once there is one.
struct SysNumbers {
  std::uint64_t uptime_s = 0;
  std::uint64_t clients_connected = 0;
  std::uint64_t clients_disconnected = 0;  // persistent sessions without a connection
  std::uint64_t clients_expired = 0;       // sessions that ran out
  std::uint64_t clients_maximum = 0;       // most connected at once
  std::uint64_t messages_received = 0, messages_sent = 0;  // MQTT packets of every type
  std::uint64_t publish_received = 0, publish_sent = 0, publish_dropped = 0;
  std::uint64_t publish_bytes_received = 0, publish_bytes_sent = 0;  // payload
  std::uint64_t bytes_received = 0, bytes_sent = 0;                  // sockets
  std::uint64_t connections_received = 0;                            // CONNECT packets
  std::uint64_t sockets_opened = 0;
  std::uint64_t subscriptions = 0, shared_subscriptions = 0;
  std::uint64_t retained_messages = 0;
  std::uint64_t stored_messages = 0, stored_bytes = 0;  // retained and queued
  std::uint64_t heap_current = 0, heap_maximum = 0;
};

struct SysTopic {
  std::string topic;
  std::string value;
};

// Moving averages over 1, 5 and 15 minutes of events per minute, by mosquitto's formula.
class LoadAverage {
 public:
  // `total` so far, `elapsed_s` since the update before; 0 only sets where counting starts.
  void update(std::uint64_t total, double elapsed_s);
  const std::array<double, 3>& per_minute() const { return average_; }

 private:
  std::uint64_t last_total_ = 0;
  std::array<double, 3> average_{};
};

class SysTopics {
 public:
  explicit SysTopics(std::string version);

  // What to publish retained now: everything the first time, then what changed.
  std::vector<SysTopic> update(const SysNumbers& numbers, SteadyMs now_ms);

 private:
  static constexpr std::size_t kLoads = 9;

  void put(std::vector<SysTopic>& changed, std::string topic, std::string value);
  void put_loads(std::vector<SysTopic>& changed, const SysNumbers& numbers, double elapsed_s);

  const std::string version_;
  std::array<LoadAverage, kLoads> loads_;
  std::unordered_map<std::string, std::string> last_;
  SteadyMs last_ms_ = 0;
  bool first_ = true;
};

}  // namespace roost::observe
