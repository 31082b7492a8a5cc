// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/process_numbers.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

#include "broker/base/clock.h"
#include "broker/base/file.h"

namespace roost::observe {

namespace {

constexpr SteadyMs kFreshMs = 500;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// proc(5): behind the name in parentheses come state (field 3) and numbers; threads is field 20,
// start time 22, virtual size 23, resident pages 24.
void read_stat(ProcessNumbers& numbers, double boot_s) {
  const auto stat = base::read_file("/proc/self/stat");
  if (!stat) return;
  std::istringstream fields(stat->substr(stat->rfind(')') + 1));
  std::string field;
  for (int i = 3; fields >> field && i <= 24; ++i) {
    if (i == 20) numbers.threads = std::stoull(field);
    if (i == 22) {
      const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
      numbers.start_time_s = boot_s + static_cast<double>(std::stoull(field)) / ticks;
    }
    if (i == 23) numbers.virtual_bytes = std::stoull(field);
    if (i == 24) {
      const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
      numbers.resident_bytes = std::stoull(field) * page;
    }
  }
}

double boot_time_s() {
  timespec now{}, since_boot{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return static_cast<double>(now.tv_sec - since_boot.tv_sec) +
         static_cast<double>(now.tv_nsec - since_boot.tv_nsec) / 1e9;
}

// One reading serves all the gauges of one scrape.
class CachedNumbers {
 public:
  ProcessNumbers get() {
    const std::lock_guard lock(mutex_);
    const SteadyMs now = clock_.steady_ms();
    if (!filled_ || now - read_ms_ > kFreshMs) {
      numbers_ = read_process_numbers();
      read_ms_ = now;
      filled_ = true;
    }
    return numbers_;
  }

 private:
  SystemClock clock_;
  std::mutex mutex_;
  ProcessNumbers numbers_;
  SteadyMs read_ms_ = 0;
  bool filled_ = false;
};

}  // namespace

ProcessNumbers read_process_numbers() {
  ProcessNumbers numbers;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    numbers.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) numbers.open_files_max = files.rlim_cur;
  numbers.open_files = base::count_entries("/proc/self/fd");
  static const double kBoot = boot_time_s();  // once: the wall clock may be set later
  read_stat(numbers, kBoot);
  return numbers;
}

std::uint64_t heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

void add_process_metrics(Metrics& metrics) {
  const auto cached = std::make_shared<CachedNumbers>();
  metrics.add_counter("process_cpu_seconds_total", "User and system CPU time of all threads.",
                      [cached] { return cached->get().cpu_s; });
  metrics.add_gauge("process_resident_memory_bytes", "Memory in RAM.",
                    [cached] { return static_cast<double>(cached->get().resident_bytes); });
  metrics.add_gauge("process_virtual_memory_bytes", "Address space.",
                    [cached] { return static_cast<double>(cached->get().virtual_bytes); });
  metrics.add_gauge("process_open_fds", "Open file descriptors.",
                    [cached] { return static_cast<double>(cached->get().open_files); });
  metrics.add_gauge("process_max_fds", "File descriptors that may be open.",
                    [cached] { return static_cast<double>(cached->get().open_files_max); });
  metrics.add_gauge("process_threads", "Threads.",
                    [cached] { return static_cast<double>(cached->get().threads); });
  metrics.add_gauge("process_start_time_seconds", "When the process started, since 1970.",
                    [cached] { return cached->get().start_time_s; });
}

}  // namespace roost::observe
