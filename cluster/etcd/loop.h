// SPDX-License-Identifier: Apache-2.0
// The thread on which everything of the etcd coordinator runs: gRPC's completion queue, tasks,
// timers. It polls all the time, without which gRPC's channels make no progress.
// Thread: post() and is_here() any; the rest on the loop's own.
// Owner: Client.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace grpc {
class CompletionQueue;
class Alarm;
}  // namespace grpc

namespace roost::cluster::etcd {

// What is told when an operation on the queue has ended. Each begun operation ends once.
class Tag {
 public:
  virtual void complete(bool is_ok) = 0;

 protected:
  ~Tag() = default;
};

class Loop final : private Tag {
 public:
  using Task = std::function<void()>;

  Loop();
  ~Loop();  // Requires: stop() was called.

  void start();
  // In order; dropped once the loop has stopped.
  void post(Task task);
  // Runs `last` on the loop, then waits for the ends of all operations; no task runs any more.
  // Requires: not on the loop's thread, nothing is begun any more after `last`.
  void stop(Task last);
  bool is_here() const { return std::this_thread::get_id() == thread_.get_id(); }

  void after(std::int64_t delay_ms, Task task);
  grpc::CompletionQueue& queue() { return *queue_; }
  static std::int64_t now_ms();

 private:
  void complete(bool is_ok) override;  // somebody has posted
  void run();
  void drain();
  void run_timers();

  std::unique_ptr<grpc::CompletionQueue> queue_;
  std::unique_ptr<grpc::Alarm> wake_;
  std::multimap<std::int64_t, Task> timers_;  // by when
  bool is_stopping_ = false;                  // the loop's own
  std::thread thread_;

  std::mutex mutex_;
  std::vector<Task> inbox_;  // guarded by mutex_
  bool is_woken_ = false;    // guarded by mutex_
  bool is_closed_ = false;   // guarded by mutex_
};

}  // namespace roost::cluster::etcd
