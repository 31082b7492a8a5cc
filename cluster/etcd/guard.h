// SPDX-License-Identifier: Apache-2.0
// A caller's callbacks, which it may end from any thread: once off() has returned none is running
// and none will run, except the one that called off() itself.
// Thread: any.
// Owner: shared by what calls back and by the handle that the caller holds.
#pragma once

#include <mutex>

namespace roost::cluster::etcd {

class Guard {
 public:
  template <typename Call>
  void run(Call&& call) {
    std::lock_guard lock(mutex_);
    if (!is_off_) call();
  }
  void off() {
    std::lock_guard lock(mutex_);
    is_off_ = true;
  }

 private:
  std::recursive_mutex mutex_;  // off() from within a callback
  bool is_off_ = false;
};

}  // namespace roost::cluster::etcd
