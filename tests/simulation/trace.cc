// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/trace.h"

#include <cstdio>

namespace roost::simulation {

void Trace::add(std::string_view who, const std::string& text) {
  char head[64];
  std::snprintf(head, sizeof head, "%6llu %10.3f ms  %-8.*s ",
                static_cast<unsigned long long>(queue_.steps()),
                static_cast<double>(queue_.now_us()) / 1000, static_cast<int>(who.size()),
                who.data());
  lines_.push_back({head + text});
}

}  // namespace roost::simulation
