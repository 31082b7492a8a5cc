// SPDX-License-Identifier: Apache-2.0
#include "broker/server/memory_size.h"

#include <sched.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>

#include "broker/base/file.h"
#include "broker/server/settings_value.h"

namespace roost::server {

namespace {

constexpr std::uint64_t kUnknownMachine = 1ULL << 30;

std::optional<std::string> first_line(const std::string& path) {
  const auto content = base::read_file(path);
  if (!content) return std::nullopt;
  return content->substr(0, content->find('\n'));
}

std::optional<std::uint64_t> machine_memory(const std::string& root) {
  const auto content = base::read_file(root + "/proc/meminfo");
  if (!content) return std::nullopt;
  std::istringstream lines(*content);
  std::string name;
  std::uint64_t kib = 0;
  if (lines >> name >> kib && name == "MemTotal:") return kib * 1024;
  return std::nullopt;
}

// This process's place in the hierarchy of `controller` (empty: v2), from /proc/self/cgroup lines
// "4:memory:/docker/1234" and "0::/system.slice".
std::optional<std::string> cgroup_path(const std::string& root, std::string_view controller) {
  const auto content = base::read_file(root + "/proc/self/cgroup");
  if (!content) return std::nullopt;
  std::istringstream lines(*content);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string list = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controller.empty() ? list == ",,"
                           : list.find("," + std::string(controller) + ",") != std::string::npos) {
      return line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// Visits the group and all above it, as far as they are visible. Inside a container the path often
// is one of the host's; then only the mount's own root exists, and that is visited too.
void each_group(const std::string& mount, std::string path,
                const std::function<void(const std::string& folder, const std::string& path)>& f) {
  while (!path.empty() && path != "/") {
    f(mount + path, path);
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  f(mount, "/");
}

void take_smaller(MemorySize& size, const std::string& file, const std::string& group) {
  const auto line = first_line(file);
  const auto limit = line ? parse_number(*line) : std::nullopt;  // "max" is no number
  if (limit && *limit > 0 && *limit < size.bytes) size = {*limit, "cgroup " + group};
}

// "150000 100000": 1.5 CPUs.
std::optional<std::uint64_t> quota_cpus(const std::string& text) {
  std::istringstream words(text);
  double quota = 0, period = 0;
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return static_cast<std::uint64_t>((quota + period - 1) / period);
}

}  // namespace

MemorySize memory_size(const std::string& root) {
  MemorySize size{machine_memory(root).value_or(kUnknownMachine), "machine"};
  if (const auto path = cgroup_path(root, "")) {
    each_group(root + "/sys/fs/cgroup", *path, [&](const auto& folder, const auto& group) {
      take_smaller(size, folder + "/memory.max", group);
    });
  }
  if (const auto path = cgroup_path(root, "memory")) {
    each_group(root + "/sys/fs/cgroup/memory", *path, [&](const auto& folder, const auto& group) {
      take_smaller(size, folder + "/memory.limit_in_bytes", group);
    });
  }
  return size;
}

std::uint32_t cpu_count(const std::string& root) {
  std::uint64_t count = std::max(1U, std::thread::hardware_concurrency());
  cpu_set_t set;
  if (root.empty() && sched_getaffinity(0, sizeof set, &set) == 0) {
    count = static_cast<std::uint64_t>(std::max(1, CPU_COUNT(&set)));
  }
  if (const auto path = cgroup_path(root, "")) {
    each_group(root + "/sys/fs/cgroup", *path, [&](const auto& folder, const auto&) {
      const auto line = first_line(folder + "/cpu.max");
      if (const auto quota = line ? quota_cpus(*line) : std::nullopt) {
        count = std::min(count, *quota);
      }
    });
  }
  if (const auto path = cgroup_path(root, "cpu")) {
    each_group(root + "/sys/fs/cgroup/cpu", *path, [&](const auto& folder, const auto&) {
      const auto quota = first_line(folder + "/cpu.cfs_quota_us");
      const auto period = first_line(folder + "/cpu.cfs_period_us");
      if (!quota || !period) return;
      if (const auto cpus = quota_cpus(*quota + " " + *period)) count = std::min(count, *cpus);
    });
  }
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, count));
}

}  // namespace roost::server
