// SPDX-License-Identifier: Apache-2.0
// A few threads for what a core must not compute, behind a bounded queue.
// Thread: any thread; jobs run on threads of their own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace roost::auth {

class Workers {
 public:
  // `stopping`: don't compute, only answer.
  using Job = std::function<void(bool stopping)>;
  enum class Pushed : std::uint8_t { queued, full, stopped };

  // Requires: both > 0.
  Workers(std::uint32_t threads, std::uint32_t max_waiting);
  ~Workers();  // stop()
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Takes the job only where it is queued.
  Pushed push(Job& job);
  // Calls what waits with `stopping`, on this thread, and joins; idempotent.
  void stop();

 private:
  void run();

  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Job> queue_;  // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace roost::auth
