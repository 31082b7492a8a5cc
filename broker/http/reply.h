// SPDX-License-Identifier: Apache-2.0
// The way of an answer back to its client, from any thread, once; and the way of work back to the
// server's thread, as long as that lives.
// Thread: any thread.
// Owner: shared by who holds copies.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "broker/http/server.h"

namespace roost::http {

class Reply {
 public:
  using Deliver = std::function<void(Response)>;

  explicit Reply(Deliver deliver) : state_(std::make_shared<State>(std::move(deliver))) {}
  // The first answer counts. Where the last copy goes without one the client gets a 500.
  void operator()(Response response) const { state_->answer(std::move(response)); }

 private:
  struct State {
    explicit State(Deliver to) : deliver(std::move(to)) {}
    ~State() { answer(error_response(500, "internal error: no answer", true)); }
    void answer(Response response) {
      if (!is_answered.exchange(true)) deliver(std::move(response));
    }
    const Deliver deliver;
    std::atomic<bool> is_answered{false};
  };
  std::shared_ptr<State> state_;
};

class OwnThread {
 public:
  using Work = std::function<void()>;

  explicit OwnThread(std::function<void(Work)> post) : post_(std::move(post)) {}
  // After close() the work is thrown away.
  void post(Work work) {
    const std::lock_guard lock(mutex_);
    if (post_) post_(std::move(work));
  }
  void close() {
    const std::lock_guard lock(mutex_);
    post_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::function<void(Work)> post_;  // guarded by mutex_; null: the thread is gone
};

}  // namespace roost::http
