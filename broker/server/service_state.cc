// SPDX-License-Identifier: Apache-2.0
#include "broker/server/service_state.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

namespace roost::server {

namespace {

std::string_view value_of(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& one : environment) {
    const std::string_view pair = one;
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) {
      return pair.substr(name.size() + 1);
    }
  }
  return {};
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return value;
}

// The clock that systemd's MONOTONIC_USEC is of.
std::int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

ServiceState::ServiceState(const std::vector<std::string>& environment, ServiceQuestions questions)
    : questions_(std::move(questions)), socket_(value_of(environment, "NOTIFY_SOCKET")) {
  const std::string_view pid = value_of(environment, "WATCHDOG_PID");
  if (!socket_.is_open() || (!pid.empty() && number(pid) != ::getpid())) return;
  watchdog_ = Time(number(value_of(environment, "WATCHDOG_USEC")).value_or(0));
}

ServiceState::~ServiceState() {
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ServiceState::ready(bool joining) {
  enter(joining ? Phase::joining : Phase::serving, "READY=1\n");
}

void ServiceState::joined() { enter(Phase::serving, ""); }

void ServiceState::reloading() {
  if (!socket_.is_open()) return;
  socket_.send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us()) +
               "\nSTATUS=Reads its files again");
}

void ServiceState::reloaded() { enter(phase(), "READY=1\n"); }

void ServiceState::stopping() {
  enter(Phase::stopping, "STOPPING=1\n");
  {
    const std::lock_guard lock(mutex_);
    is_hurried_ = true;
  }
  changed_.notify_one();
}

void ServiceState::enter(Phase phase, const std::string& lines) {
  {
    const std::lock_guard lock(mutex_);
    phase_ = phase;
  }
  if (socket_.is_open()) socket_.send(lines + status_line(phase));
}

ServiceState::Phase ServiceState::phase() {
  const std::lock_guard lock(mutex_);
  return phase_;
}

std::string ServiceState::status_line(Phase phase) const {
  if (phase == Phase::joining) return "STATUS=Waits for etcd and the other nodes";
  const std::string count = std::to_string(questions_.connections());
  return phase == Phase::stopping ? "STATUS=Stops; connections left: " + count
                                  : "STATUS=Serves; connections: " + count;
}

ServiceState::Time ServiceState::beat() {
  const Time usual = watchdog_.count() == 0 ? kLongestBeat : std::min(kLongestBeat, watchdog_ / 2);
  if (!questions_.cores_turn()) return usual / 8;
  const Phase now = phase();
  std::string lines = watchdog_.count() == 0 ? "" : "WATCHDOG=1\n";
  if (now == Phase::stopping) {
    lines += "EXTEND_TIMEOUT_USEC=" + std::to_string(kStopExtension.count()) + "\n";
  }
  socket_.send(lines + status_line(now));
  return usual;
}

void ServiceState::start_beats() {
  if (socket_.is_open()) thread_ = std::thread([this] { run(); });
}

void ServiceState::run() {
  ::pthread_setname_np(::pthread_self(), "service");
  for (;;) {
    const Time until_next = beat();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, until_next, [this] { return has_ended_ || is_hurried_; });
    if (has_ended_) return;
    is_hurried_ = false;
  }
}

}  // namespace roost::server
