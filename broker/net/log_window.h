// SPDX-License-Identifier: Apache-2.0
// A log that strangers can't flood: some lines a second, then one that says how many were left out.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <string>

#include "broker/base/clock.h"
#include "broker/base/log.h"

namespace roost::net {

class LogWindow {
 public:
  explicit LogWindow(Log& log) : log_(log) {}

  void write(LogLevel level, const std::string& line, SteadyMs now_ms) {
    if (!log_.enabled(level)) return;
    if (now_ms - begin_ms_ >= kWindowMs) {
      if (left_out_ > 0) {
        log_.write(level, std::to_string(left_out_) + " more lines like the last ones left out");
      }
      begin_ms_ = now_ms;
      written_ = left_out_ = 0;
    }
    if (written_ < kLinesMax) {
      ++written_;
      log_.write(level, line);
    } else {
      ++left_out_;
    }
  }

 private:
  static constexpr SteadyMs kWindowMs = 1000;
  static constexpr std::uint32_t kLinesMax = 10;  // a window

  Log& log_;
  SteadyMs begin_ms_ = 0;
  std::uint32_t written_ = 0;
  std::uint32_t left_out_ = 0;
};

}  // namespace roost::net
