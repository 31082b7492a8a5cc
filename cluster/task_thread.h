// SPDX-License-Identifier: Apache-2.0
// A thread that runs functions in order, and one of them again and again.
// Thread: any thread.
// Owner: whoever gives it work that it must not wait for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace roost::cluster {

class TaskThread {
 public:
  using Task = std::function<void()>;

  // `tick`: may be none.
  explicit TaskThread(Task tick = nullptr, std::chrono::milliseconds every = {});
  ~TaskThread();  // as stop()
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  void start();
  // Runs what was posted before start() too. After stop() it is dropped.
  void post(Task task) { poster()(std::move(task)); }
  // May outlive this; what is posted then is dropped.
  std::function<void(Task)> poster() const;
  // Waits for the task that is running; the others are dropped. Not on the thread itself.
  void stop();

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Task> tasks;  // guarded by mutex
    bool is_over = false;    // guarded by mutex
  };

  void run();

  const Task tick_;
  const std::chrono::milliseconds every_;
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  std::thread thread_;
};

}  // namespace roost::cluster
