// SPDX-License-Identifier: Apache-2.0
#include "cluster/task_thread.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::cluster {

TaskThread::TaskThread(Task tick, std::chrono::milliseconds every)
    : tick_(std::move(tick)), every_(every) {}

TaskThread::~TaskThread() { stop(); }

void TaskThread::start() {
  CHECK(!thread_.joinable());
  thread_ = std::thread([this] { run(); });
}

std::function<void(TaskThread::Task)> TaskThread::poster() const {
  return [queue = queue_](Task task) {
    const std::lock_guard lock(queue->mutex);
    if (queue->is_over) return;
    queue->tasks.push_back(std::move(task));
    if (queue->tasks.size() == 1) queue->changed.notify_one();
  };
}

void TaskThread::stop() {
  std::deque<Task> dropped;  // what they hold is let go without the lock
  {
    const std::lock_guard lock(queue_->mutex);
    queue_->is_over = true;
    dropped.swap(queue_->tasks);
    queue_->changed.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void TaskThread::run() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point next = Clock::now();
  std::unique_lock lock(queue_->mutex);
  while (!queue_->is_over) {
    std::deque<Task> tasks = std::exchange(queue_->tasks, {});
    lock.unlock();
    for (Task& task : tasks) {
      task();
      task = nullptr;
    }
    const Clock::time_point now = Clock::now();
    if (tick_ && now >= next) {
      tick_();
      next = now + every_;
    }
    lock.lock();
    const auto has_work = [&] { return queue_->is_over || !queue_->tasks.empty(); };
    if (tick_) {
      queue_->changed.wait_until(lock, next, has_work);
    } else {
      queue_->changed.wait(lock, has_work);
    }
  }
}

}  // namespace roost::cluster
