// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/drive.h"

#include <cstdio>

namespace roost::cli::bench {
namespace {
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kTurnNs = 10'000'000;
}  // namespace

bool Drive::until(const char* what, double patience_s,
                  const std::function<std::uint64_t()>& progress, const std::function<bool()>& done,
                  const std::function<void()>& each_turn) {
  loop_.read_clock();
  const auto patience_ns = static_cast<std::uint64_t>(patience_s * 1e9);
  std::uint64_t line_ns = loop_.now_ns();
  std::uint64_t line_progress = progress();
  std::uint64_t moved_ns = line_ns;
  std::uint64_t moved_progress = line_progress;
  while (!done()) {
    if (each_turn) each_turn();
    loop_.flush();
    loop_.turn(kTurnNs);
    const std::uint64_t now = loop_.now_ns();
    const std::uint64_t have = progress();
    if (have != moved_progress) {
      moved_progress = have;
      moved_ns = now;
    }
    if (stop_requested() || now - moved_ns > patience_ns) return false;
    if (now - line_ns < kSecondNs) continue;
    if (!options_.quiet) {
      std::fprintf(
          stderr, "%4.0f s  %-14s %9llu  %9.0f/s\n", static_cast<double>(now - start_ns_) / 1e9,
          what, static_cast<unsigned long long>(have),
          static_cast<double>(have - line_progress) * 1e9 / static_cast<double>(now - line_ns));
    }
    line_ns = now;
    line_progress = have;
  }
  loop_.flush();
  return true;
}

}  // namespace roost::cli::bench
