// SPDX-License-Identifier: Apache-2.0
// Where log lines go, without the logging library: the server puts spdlog behind it, tests a
// vector. Lines are one event each; secrets and payloads never enter them.
// Thread: any thread.
#pragma once

#include <string_view>

namespace roost {

enum class LogLevel { trace, debug, info, warn, error };

class Log {
 public:
  virtual ~Log() = default;
  // Cheap; ask before building an expensive line.
  virtual bool enabled(LogLevel level) const = 0;
  virtual void write(LogLevel level, std::string_view line) = 0;
};

// Swallows everything.
class NullLog final : public Log {
 public:
  bool enabled(LogLevel) const override { return false; }
  void write(LogLevel, std::string_view) override {}
};

}  // namespace roost
