// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/meter.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "broker/cli/bench/loop.h"

namespace roost::cli::bench {
namespace {

constexpr double kCpuWindowSeconds = 9.95;  // --seconds 10, and what a clock may be off

std::optional<ProcessSample> sample_of(int pid) {
  if (pid == 0) return std::nullopt;
  auto sample = sample_process(pid);
  if (!sample) return std::nullopt;
  return *sample;
}

double per(double amount, std::uint64_t things) {
  return things == 0 ? 0 : amount / static_cast<double>(things);
}

double growth(std::uint64_t before, std::uint64_t after) {
  return static_cast<double>(after) - static_cast<double>(before);
}

}  // namespace

std::optional<ProcessSample> Meter::sample() const { return sample_of(pid_); }

void Meter::begin() {
  begin_ = sample();
  own_begin_ = sample_of(getpid());
  begin_ns_ = clock_ns();
}

void Meter::end() {
  end_ns_ = clock_ns();
  end_ = sample();
  own_end_ = sample_of(getpid());
}

void Meter::add_cpu(Report& report, std::uint64_t deliveries) const {
  if (begin_ && end_) {
    const auto cpu = static_cast<double>(cpu_between_ns(*begin_, *end_));
    report.number("broker_cpu_us_per_delivery", "broker CPU per delivery",
                  per(cpu, deliveries) / 1e3, 3, "us");
    report.number("broker_cpu_percent", "broker CPU", cpu / 1e7 / window_seconds(), 1, "%");
    report.number("broker_cpu_s_by_ticks", "broker CPU by /proc/PID/stat",
                  static_cast<double>(end_->cpu_ticks_ns - begin_->cpu_ticks_ns) / 1e9, 2, "s");
    report.number("broker_sleeps_per_delivery", "broker sleeps per delivery",
                  per(growth(begin_->switches, end_->switches), deliveries), 4);
    report.number("broker_rss_mb", "broker memory (RSS)",
                  static_cast<double>(end_->rss_bytes) / 1e6, 1, "MB");
    if (window_seconds() < kCpuWindowSeconds) {
      report.text("broker_cpu_note", "broker CPU", "a rough figure: measured for less than 10 s");
    }
  }
  if (own_begin_ && own_end_) {
    const auto cpu = static_cast<double>(cpu_between_ns(*own_begin_, *own_end_));
    report.number("bench_cpu_percent", "this generator's CPU", cpu / 1e7 / window_seconds(), 1,
                  "%");
  }
}

void add_growth(Report& report, const char* thing, const std::optional<ProcessSample>& before,
                const std::optional<ProcessSample>& after, std::uint64_t things) {
  if (!before || !after) return;
  const std::string of = thing;
  report.number("rss_growth_mb", "broker memory growth (RSS)",
                growth(before->rss_bytes, after->rss_bytes) / 1e6, 1, "MB");
  report.number("rss_bytes_per_" + of, "RSS growth per " + of,
                per(growth(before->rss_bytes, after->rss_bytes), things), 0, "B");
  report.number("heap_bytes_per_" + of, "anonymous memory growth per " + of,
                per(growth(before->anon_bytes, after->anon_bytes), things), 0, "B");
}

}  // namespace roost::cli::bench
