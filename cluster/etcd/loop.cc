// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/loop.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <utility>

#include "broker/base/check.h"

namespace roost::cluster::etcd {

Loop::Loop()
    : queue_(std::make_unique<grpc::CompletionQueue>()), wake_(std::make_unique<grpc::Alarm>()) {}

Loop::~Loop() { CHECK(!thread_.joinable()); }

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

std::int64_t Loop::now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Loop::post(Task task) {
  std::lock_guard lock(mutex_);
  if (is_closed_) return;
  inbox_.push_back(std::move(task));
  if (std::exchange(is_woken_, true)) return;
  wake_->Set(queue_.get(), gpr_now(GPR_CLOCK_MONOTONIC), static_cast<Tag*>(this));
}

void Loop::complete(bool) {
  std::vector<Task> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(inbox_);
    is_woken_ = false;
  }
  for (Task& task : tasks) {
    if (!is_stopping_) task();
  }
}

void Loop::after(std::int64_t delay_ms, Task task) {
  timers_.emplace(now_ms() + delay_ms, std::move(task));
}

void Loop::run_timers() {
  const std::int64_t now = now_ms();
  while (!timers_.empty() && timers_.begin()->first <= now && !is_stopping_) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

void Loop::run() {
  while (!is_stopping_) {
    gpr_timespec until = gpr_inf_future(GPR_CLOCK_MONOTONIC);
    if (!timers_.empty()) {
      const std::int64_t wait_ms = std::max<std::int64_t>(0, timers_.begin()->first - now_ms());
      until =
          gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(wait_ms, GPR_TIMESPAN));
    }
    void* tag = nullptr;
    bool is_ok = false;
    const auto status = queue_->AsyncNext(&tag, &is_ok, until);
    if (status == grpc::CompletionQueue::GOT_EVENT) static_cast<Tag*>(tag)->complete(is_ok);
    run_timers();
  }
  drain();
}

void Loop::drain() {
  queue_->Shutdown();
  void* tag = nullptr;
  bool is_ok = false;
  while (queue_->Next(&tag, &is_ok)) static_cast<Tag*>(tag)->complete(is_ok);
}

void Loop::stop(Task last) {
  CHECK(!is_here());
  post([this, last = std::move(last)] {
    last();
    is_stopping_ = true;
    std::lock_guard lock(mutex_);
    is_closed_ = true;
  });
  thread_.join();
  timers_.clear();
  inbox_.clear();
}

}  // namespace roost::cluster::etcd
