// SPDX-License-Identifier: Apache-2.0
// Finds function bodies in C++ text by their braces: no parser, good enough for a limit.
// Thread: own thread (tests).
#pragma once

#include <vector>

#include "tests/tidy/source_file.h"

namespace roost::tidy {

struct FunctionSpan {
  int first_line = 0;  // where the declaration starts, from 1
  int last_line = 0;   // the closing brace

  int lines() const { return last_line - first_line + 1; }
};

// Functions, methods and lambdas at namespace, class or table level; what is nested in one counts
// as part of it.
std::vector<FunctionSpan> functions_of(const SourceFile& file);

}  // namespace roost::tidy
