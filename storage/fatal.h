// SPDX-License-Identifier: Apache-2.0
// The end of the store's promise: what a failed write or fsync left on the disk is not known, so
// nothing may be acknowledged any more. Says so once; by default the process ends.
// Thread: any thread.
// Owner: the store.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>
#include <utility>

#include "broker/base/log.h"

namespace roost::storage {

class Fatal {
 public:
  using Handler = std::function<void(std::string_view why)>;

  // `before` is called before the handler, in whatever thread meets the end.
  Fatal(Handler handler, std::function<void()> before, Log& log)
      : handler_(std::move(handler)), before_(std::move(before)), log_(log) {}

  // Returns only where a handler was given.
  void raise(std::string_view why);
  bool raised() const { return raised_.load(std::memory_order_acquire); }

 private:
  Handler handler_;
  std::function<void()> before_;
  Log& log_;
  std::atomic<bool> raised_{false};
};

}  // namespace roost::storage
