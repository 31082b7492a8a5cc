// SPDX-License-Identifier: Apache-2.0
// CHECK: a broken invariant of ours ends the process in every build (DESIGN section 10).
// DCHECK: the same where it would cost something on the way of a message; debug builds only.
// Thread: any thread.
#pragma once

namespace roost::base {

// Prints `file:line: CHECK failed: text` to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* text) noexcept;

}  // namespace roost::base

#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) [[unlikely]]                                 \
      ::roost::base::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
