// SPDX-License-Identifier: Apache-2.0
// The broker's process seen from outside, where a pid was given: CPU and memory between marks.
// Thread: own thread.
#pragma once

#include <cstdint>
#include <optional>

#include "broker/cli/bench/process_stats.h"
#include "broker/cli/bench/report.h"

namespace roost::cli::bench {

class Meter {
 public:
  // pid 0: nothing is known.
  explicit Meter(int pid) : pid_(pid) {}

  // The process as it is now; nothing without a pid or when it has gone.
  std::optional<ProcessSample> sample() const;

  // Begins and ends the window that add_cpu() reports.
  void begin();
  void end();
  double window_seconds() const { return static_cast<double>(end_ns_ - begin_ns_) / 1e9; }

  // CPU of the window, of the broker per message and of this process.
  void add_cpu(Report& report, std::uint64_t deliveries) const;

 private:
  int pid_;
  std::uint64_t begin_ns_ = 0, end_ns_ = 0;
  std::optional<ProcessSample> begin_, end_, own_begin_, own_end_;
};

// Growth of the broker's memory between two samples, all and per `things`; nothing if unknown.
void add_growth(Report& report, const char* thing, const std::optional<ProcessSample>& before,
                const std::optional<ProcessSample>& after, std::uint64_t things);

}  // namespace roost::cli::bench
