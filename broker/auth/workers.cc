// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/workers.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::auth {

Workers::Workers(std::uint32_t threads, std::uint32_t max_waiting) : max_waiting_(max_waiting) {
  CHECK(threads > 0 && max_waiting > 0);
  for (std::uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

Workers::~Workers() { stop(); }

void Workers::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job(false);
  }
}

Workers::Pushed Workers::push(Job& job) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return Pushed::stopped;
  if (queue_.size() >= max_waiting_) return Pushed::full;
  queue_.push_back(std::move(job));
  filled_.notify_one();
  return Pushed::queued;
}

void Workers::stop() {
  std::deque<Job> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting.swap(queue_);
    filled_.notify_all();
  }
  for (const Job& job : waiting) job(true);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace roost::auth
