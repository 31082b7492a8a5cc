// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/process_stats.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace roost::cli::bench {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

std::uint64_t number_after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  if (at == std::string_view::npos) return 0;
  auto rest = text.substr(at + key.size());
  rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
  std::uint64_t number = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return number;
}

}  // namespace

std::uint64_t ticks_in_stat(std::string_view stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return 0;
  std::istringstream fields{std::string(stat.substr(name_end + 1))};
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // state (3rd) to cmajflt (13th)
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  return user + system;
}

Result<ProcessSample> sample_process(int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string stat = read_file(folder + "/stat");
  if (stat.empty()) return error(ErrorKind::not_found, "no process " + std::to_string(pid));
  ProcessSample sample;
  const auto tick_ns = 1'000'000'000ULL / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  sample.cpu_ticks_ns = ticks_in_stat(stat) * tick_ns;
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator(folder + "/task", ignored)) {
    const std::string times = read_file(task.path().string() + "/schedstat");
    sample.cpu_ns += number_after(times, "");
    const std::string status = read_file(task.path().string() + "/status");
    sample.switches += number_after(status, "\nvoluntary_ctxt_switches:");
  }
  if (sample.cpu_ns == 0) sample.cpu_ns = sample.cpu_ticks_ns;
  const std::string status = read_file(folder + "/status");
  sample.rss_bytes = number_after(status, "VmRSS:") * 1024;
  sample.anon_bytes = number_after(status, "RssAnon:") * 1024;
  return sample;
}

std::uint64_t cpu_between_ns(const ProcessSample& from, const ProcessSample& to) {
  const auto coarse = to.cpu_ticks_ns - from.cpu_ticks_ns;
  const auto fine = to.cpu_ns - from.cpu_ns;
  const bool threads_ended = to.cpu_ns < from.cpu_ns || fine + 50'000'000 < coarse;
  return threads_ended ? coarse : fine;
}

}  // namespace roost::cli::bench
