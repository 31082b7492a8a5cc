// SPDX-License-Identifier: Apache-2.0
// What is wrong with a file, line by line: the first ten, and how many more.
// Thread: own thread.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace roost::auth {

class Faults {
 public:
  explicit Faults(std::string_view file_name) : file_name_(file_name) {}

  void add(int line, std::string_view what) {
    if (++count_ > kShownMax) return;
    if (!text_.empty()) text_ += "\n";
    text_.append(file_name_).append(":").append(std::to_string(line)).append(": ").append(what);
  }
  bool empty() const { return count_ == 0; }
  // Requires: !empty().
  Unexpected<Error> as_error(ErrorKind kind) const {
    std::string text = text_;
    if (count_ > kShownMax) {
      text += "\n" + file_name_ + ": and " + std::to_string(count_ - kShownMax) + " more";
    }
    return error(kind, std::move(text));
  }

 private:
  static constexpr std::size_t kShownMax = 10;
  std::string file_name_, text_;
  std::size_t count_ = 0;
};

}  // namespace roost::auth
