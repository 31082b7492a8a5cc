// SPDX-License-Identifier: Apache-2.0
// What the kernel says about a process: time on the CPU of all its threads, memory.
// Thread: any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/base/result.h"

namespace roost::cli::bench {

struct ProcessSample {
  std::uint64_t cpu_ns = 0;  // user + system, all threads that live; ns where the kernel has it
  std::uint64_t cpu_ticks_ns = 0;  // the same from /proc/PID/stat: dead threads too, 10 ms steps
  std::uint64_t rss_bytes = 0;
  std::uint64_t anon_bytes = 0;  // RSS without files: heap and stacks
  std::uint64_t switches = 0;    // voluntary context switches: how often it went to sleep
};

// Fails with not_found when there is no such process.
Result<ProcessSample> sample_process(int pid);

// CPU time between two samples. Falls back to the coarse clock when threads ended in between.
std::uint64_t cpu_between_ns(const ProcessSample& from, const ProcessSample& to);

// utime + stime in clock ticks out of the text of /proc/PID/stat; the name in parentheses may
// hold anything.
std::uint64_t ticks_in_stat(std::string_view stat);

}  // namespace roost::cli::bench
