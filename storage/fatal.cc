// SPDX-License-Identifier: Apache-2.0
#include "storage/fatal.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "storage/store.h"

namespace roost::storage {

void Fatal::raise(std::string_view why) {
  if (raised_.exchange(true)) return;
  const std::string line = "storage: " + std::string(why) + "; nothing can be promised any more";
  log_.write(LogLevel::error, line);
  before_();
  if (handler_) return handler_(why);
  // The log may be written by a thread that never gets there.
  std::fprintf(stderr, "%s: the process ends\n", line.c_str());
  std::fflush(nullptr);
  ::_exit(kFatalExitCode);
}

}  // namespace roost::storage
