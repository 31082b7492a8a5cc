// SPDX-License-Identifier: Apache-2.0
// How many streams there are, so that the network's end can wait for theirs.
// Thread: any.
// Owner: shared by the network and its streams.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace roost::cluster::peer {

class LiveCount {
 public:
  void enter() {
    std::lock_guard lock(mutex_);
    ++count_;
  }
  void leave() {
    std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  void wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;
};

}  // namespace roost::cluster::peer
