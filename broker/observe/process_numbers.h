// SPDX-License-Identifier: Apache-2.0
// What the operating system knows of this process: CPU, memory, files, threads.
// Thread: any thread.
#pragma once

#include <cstdint>

#include "broker/observe/metrics.h"

namespace roost::observe {

struct ProcessNumbers {
  double cpu_s = 0;  // user + system, all threads
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t open_files_max = 0;
  std::uint64_t threads = 0;
  double start_time_s = 0;  // since 1970
};

ProcessNumbers read_process_numbers();

// Bytes in use on the heap as the allocator counts them ($SYS heap/current).
std::uint64_t heap_bytes();

// The process_... metrics under Prometheus' usual names.
void add_process_metrics(Metrics& metrics);

}  // namespace roost::observe
