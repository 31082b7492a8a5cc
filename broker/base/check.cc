// SPDX-License-Identifier: Apache-2.0
#include "broker/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace roost::base {

void check_failed(const char* file, int line, const char* text) noexcept {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, text);
  std::abort();
}

}  // namespace roost::base
