// SPDX-License-Identifier: Apache-2.0
// The Log that writes: text or JSON lines to stderr. Writers only enqueue; one thread of its own
// writes. When the reader of stderr is too slow the oldest lines are given up and counted.
// Thread: any thread.
// Owner: main; outlives everything that logs.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/base/log.h"

namespace roost::server {

class SpdlogLog final : public Log {
 public:
  enum class Format { text, json };

  // `fd`: 1 or 2 in the product, any writable one in tests; stays open.
  SpdlogLog(LogLevel level, Format format, int fd = 2);
  ~SpdlogLog() override;  // writes what waits

  bool enabled(LogLevel level) const override;
  // Control characters (a client chooses its id) are escaped, so that a line stays a line.
  void write(LogLevel level, std::string_view line) override;
  LogLevel level() const;
  void set_level(LogLevel level);
  // Blocks until everything written before is out, 5 s at most.
  void flush();

  std::uint64_t dropped() const;  // lines given up

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace roost::server
