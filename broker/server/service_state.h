// SPDX-License-Identifier: Apache-2.0
// What systemd is told of a service of Type=notify, from READY=1 to STOPPING=1: in between, and
// while it stops, beats, but only as long as every core turns, so that a hung one is noticed.
// Without NOTIFY_SOCKET in the environment nothing is said.
// Thread: the owner's, but for beat().
// Owner: run_serve, or a test.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/server/notify_socket.h"

namespace roost::server {

// What a beat asks, on its own thread; both must outlive the ServiceState.
struct ServiceQuestions {
  std::function<bool()> cores_turn;  // since the last time that it said yes
  std::function<std::uint64_t()> connections;
};

class ServiceState {
 public:
  using Time = std::chrono::microseconds;
  static constexpr Time kLongestBeat = std::chrono::seconds(10);  // apart
  // What a stop may take longer than TimeoutStopSec, from the last beat on.
  static constexpr Time kStopExtension = std::chrono::seconds(30);

  // `environment`: "NAME=value" strings, of which NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID
  // count.
  ServiceState(const std::vector<std::string>& environment, ServiceQuestions questions);
  ~ServiceState();  // ends the beats

  // READY=1. Joining: the cluster is still being waited for, which no start may time out over.
  void ready(bool joining);
  void joined();
  // RELOADING=1; then reloaded().
  void reloading();
  void reloaded();
  // STOPPING=1.
  void stopping();

  // Beats on a thread of its own from now on, if anybody listens. Requires: ready().
  void start_beats();
  // WATCHDOG=1, and the state in words, if the cores turn. Until the next one. The thread's, or a
  // test's.
  Time beat();

  Time watchdog() const { return watchdog_; }  // 0: none

 private:
  enum class Phase : std::uint8_t { joining, serving, stopping };

  void enter(Phase phase, const std::string& lines);
  Phase phase();
  std::string status_line(Phase phase) const;
  void run();

  const ServiceQuestions questions_;
  const NotifySocket socket_;
  Time watchdog_{0};
  std::mutex mutex_;
  // Guarded by mutex_:
  Phase phase_ = Phase::joining;
  bool is_hurried_ = false;  // the thread shall beat at once
  bool has_ended_ = false;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace roost::server
