// SPDX-License-Identifier: Apache-2.0
// The end of the store's promise: what a failed write or fsync left on the disk is not known, so
// nothing may be acknowledged any more. Says so once; by default the process ends.
// Thread: any thread.
// Owner: the store.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>

#include "broker/base/log.h"

namespace roost::storage {

class Fatal {
 public:
  using Handler = std::function<void(std::string_view why)>;

  Fatal(Handler handler, Log& log) : handler_(std::move(handler)), log_(log) {}

  // Returns only where a handler was given.
  void raise(std::string_view why);
  bool raised() const { return raised_.load(std::memory_order_acquire); }

 private:
  Handler handler_;
  Log& log_;
  std::atomic<bool> raised_{false};
};

}  // namespace roost::storage
