// SPDX-License-Identifier: Apache-2.0
// A few threads and one queue of jobs, taken in order. One thread: the jobs run one after another.
// Thread: any thread.
// Owner: the store.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace roost::storage {

class Workers {
 public:
  explicit Workers(int threads);
  ~Workers();  // runs what was given, then ends
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Requires: the job doesn't throw.
  void run(std::function<void()> job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable given_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  bool ending_ = false;                     // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace roost::storage
