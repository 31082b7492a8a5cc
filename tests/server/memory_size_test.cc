// SPDX-License-Identifier: Apache-2.0
#include "broker/server/memory_size.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace roost::server {
namespace {

// A machine of 8 GB made of files.
class MemorySizeTest : public testing::Test {
 protected:
  MemorySizeTest() {
    char name[] = "/tmp/roost-memory-XXXXXX";
    root_ = ::mkdtemp(name);
    put("proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n");
  }
  ~MemorySizeTest() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, const std::string& content) {
    const std::filesystem::path full = root_ + "/" + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << content;
  }

  std::string root_;
};

TEST_F(MemorySizeTest, IsTheMachinesWithoutACgroup) {
  EXPECT_EQ(memory_size(root_).bytes, 8'000'000ULL * 1024);
  EXPECT_EQ(memory_size(root_).source, "machine");
}

TEST_F(MemorySizeTest, IsTheSmallestLimitOnTheWayUp) {
  put("proc/self/cgroup", "0::/pods/one/roost\n");
  put("sys/fs/cgroup/pods/one/roost/memory.max", "max\n");
  put("sys/fs/cgroup/pods/one/memory.max", "1000000000\n");
  put("sys/fs/cgroup/pods/memory.max", "4000000000\n");
  EXPECT_EQ(memory_size(root_).bytes, 1'000'000'000u);
  EXPECT_EQ(memory_size(root_).source, "cgroup /pods/one");
}

TEST_F(MemorySizeTest, IsFoundAtTheMountInsideAContainer) {
  put("proc/self/cgroup", "0::/host/path/unseen\n");
  put("sys/fs/cgroup/memory.max", "500000000\n");
  EXPECT_EQ(memory_size(root_).bytes, 500'000'000u);
}

TEST_F(MemorySizeTest, KnowsCgroupsOfTheFirstVersion) {
  put("proc/self/cgroup", "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n1:name=systemd:/x\n");
  put("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "300000000\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(memory_size(root_).bytes, 300'000'000u);
}

TEST_F(MemorySizeTest, ALimitAboveTheMachineIsNone) {
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/memory.max", "99000000000000\n");
  EXPECT_EQ(memory_size(root_).source, "machine");
}

TEST_F(MemorySizeTest, CpusFollowTheQuotaRoundedUp) {
  put("proc/self/cgroup", "0::/pod\n");
  put("sys/fs/cgroup/cpu.max", "max 100000\n");
  const std::uint32_t all = cpu_count(root_);
  EXPECT_GE(all, 1u);
  put("sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
  EXPECT_EQ(cpu_count(root_), 1u);
  put("sys/fs/cgroup/pod/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpu_count(root_), std::min(all, 2u));
}

TEST(MemorySizeHere, IsAtLeastSomething) {
  EXPECT_GT(memory_size().bytes, 16u << 20);
  EXPECT_GE(cpu_count(), 1u);
}

}  // namespace
}  // namespace roost::server
