// SPDX-License-Identifier: Apache-2.0
// How much memory this process may use: the smallest of the machine's and of every cgroup above it
// (v2, or v1). Defaults of queues and caches are parts of it.
// Thread: any thread.
#pragma once

#include <cstdint>
#include <string>

namespace roost::server {

struct MemorySize {
  std::uint64_t bytes = 0;
  std::string source;  // "machine", "cgroup /kubepods/..."
};

// `root` replaces / in tests: proc/meminfo, proc/self/cgroup and sys/fs/cgroup are read under it.
MemorySize memory_size(const std::string& root = "");

// The CPUs this process may use: affinity and cgroup quota, rounded up, at least 1.
std::uint32_t cpu_count(const std::string& root = "");

}  // namespace roost::server
