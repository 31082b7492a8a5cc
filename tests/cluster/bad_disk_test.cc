// SPDX-License-Identifier: Apache-2.0
// Nodes whose disk is nearly full, hangs, or gives back something else than was written.
// REPLICATION, "What must hold, event by event".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>

#include "tests/cluster/live_cluster.h"
#include "tests/support/flipped_bit.h"

namespace roost::cluster {
namespace {

using support::eventually;
using testing::Contains;
using testing::HasSubstr;

class BadDisk : public testing::TestWithParam<LiveCluster::Disks> {
 protected:
  void start_three() {
    for (const char* name : {"n1", "n2", "n3"}) cluster_.start(name);
    ASSERT_TRUE(cluster_.all_serve());
    ASSERT_TRUE(cluster_.all_in_sync(3));
  }
  void commit_rounds(const std::string& text, int rounds) {
    for (int i = 0; i < rounds; ++i) {
      ASSERT_TRUE(cluster_.commit_round(text + " " + std::to_string(i)));
    }
  }
  std::size_t led_by(const std::string& name) {
    std::size_t count = 0;
    for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
      count += cluster_.node(name).leads(i) ? 1 : 0;
    }
    return count;
  }
  bool is_registered(const std::string& name) {
    return !cluster_.coordinator.value(cluster_.keys.node(name)).empty();
  }
  // In none, or all, of the sets of members in sync.
  bool is_in_sync(const std::string& name, bool wanted) {
    return eventually([&] {
      for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
        bool is_in = false;
        for (const Replica& member : cluster_.record(i).isr) is_in |= member.name == name;
        if (is_in != wanted) return false;
      }
      return true;
    });
  }

  LiveCluster cluster_{GetParam()};
};

class BadDiskInMemory : public BadDisk {};

// Disk full: its leaders go, its replicas stay, and none comes back before there is room.
TEST_P(BadDiskInMemory, WhoIsNearlyFullLeadsNothing) {
  start_three();
  ASSERT_TRUE(eventually([&] { return led_by("n2") > 0; }));
  cluster_.disk("n2").is_low_on_space = true;
  ASSERT_TRUE(eventually([&] { return led_by("n2") == 0; }));
  ASSERT_TRUE(cluster_.all_serve());
  EXPECT_TRUE(cluster_.all_in_sync(3));
  commit_rounds("while it is full", 3);
  EXPECT_TRUE(cluster_.all_have_all());
  // Nor does it lead when one of the others goes.
  cluster_.stop("n1");
  ASSERT_TRUE(eventually([&] { return led_by("n3") == cluster_.shards(); }));
  commit_rounds("without n1", 1);
  cluster_.start("n1");
  ASSERT_TRUE(cluster_.all_in_sync(3));
  EXPECT_EQ(led_by("n2"), 0U);
  cluster_.disk("n2").is_low_on_space = false;
  EXPECT_TRUE(eventually([&] { return led_by("n2") > 0; }));
  EXPECT_TRUE(cluster_.all_serve());
  EXPECT_TRUE(cluster_.all_have_all());
}

// Reads and what ends a delivery go on where nobody has room: who would lead better?
TEST_P(BadDiskInMemory, WhereAllAreFullLeadersStay) {
  start_three();
  commit_rounds("before", 1);
  for (const char* name : {"n1", "n2", "n3"}) cluster_.disk(name).is_low_on_space = true;
  const auto is_said = [&] { return cluster_.log.count("the disk is nearly full") == 3; };
  ASSERT_TRUE(eventually(is_said));
  commit_rounds("while all are full", 5);
  EXPECT_TRUE(cluster_.all_in_sync(3));
  EXPECT_TRUE(cluster_.all_have_all());
}

// R5: stall up to the shrink time, then out, and back when it has caught up.
TEST_P(BadDiskInMemory, AFollowerThatHangsLeavesAndComesBack) {
  start_three();
  commit_rounds("before", 1);
  // A node that hangs leads nothing for long; here it does from the beginning.
  ASSERT_TRUE(cluster_.node("n1").node().move_leaders("n3"));
  ASSERT_TRUE(eventually([&] { return led_by("n3") == 0; }));
  ASSERT_TRUE(cluster_.all_serve());
  cluster_.disk("n3").set_hung(true);
  commit_rounds("while it hangs", 2);
  EXPECT_TRUE(is_in_sync("n3", false));
  cluster_.disk("n3").set_hung(false);
  ASSERT_TRUE(is_in_sync("n3", true));
  commit_rounds("after", 1);
  EXPECT_TRUE(cluster_.all_have_all());
  EXPECT_EQ(cluster_.node("n3").replaced(0), 0) << "what it missed is in the log";
}

// R3, by the counters of its own store.
TEST_P(BadDiskInMemory, ALeaderThatHangsIsReplaced) {
  start_three();
  commit_rounds("before", 1);
  const std::string hung = cluster_.leader(0);
  const std::uint64_t epoch = cluster_.record(0).epoch;
  cluster_.disk(hung).set_hung(true);
  const auto lost = cluster_.node(hung).propose(0, "may be lost");
  ASSERT_TRUE(lost != nullptr);
  ASSERT_TRUE(eventually([&] { return cluster_.record(0).epoch > epoch; }));
  ASSERT_TRUE(eventually([&] { return led_by(hung) == 0; }));
  commit_rounds("while it hangs", 2);
  EXPECT_TRUE(eventually([&] { return !is_registered(hung); }));
  cluster_.disk(hung).set_hung(false);
  ASSERT_TRUE(eventually([&] { return is_registered(hung); }));
  ASSERT_TRUE(cluster_.all_in_sync(3));
  commit_rounds("after", 1);
  EXPECT_TRUE(cluster_.all_have_all());
}

INSTANTIATE_TEST_SUITE_P(InMemory, BadDiskInMemory, testing::Values(LiveCluster::Disks::memory));

// R7: what is damaged is put aside; another store is another replica, and is filled by the others.
class DamagedDisk : public BadDisk {
 protected:
  // Requires: the node doesn't run.
  bool damage(const std::string& name, const std::string& text) {
    return support::flip_bit(cluster_.path(name), text);
  }
  std::size_t put_aside(const std::string& name) {
    const std::filesystem::path folder = cluster_.path(name) + "/damaged";
    if (!std::filesystem::exists(folder)) return 0;
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
  }
};

TEST_P(DamagedDisk, IsPutAsideAndTheReplicaFilledAgain) {
  start_three();
  commit_rounds("before", 4);
  const std::string store = cluster_.node("n2").store().uuid();
  cluster_.crash("n2");
  ASSERT_TRUE(damage("n2", "before 1/0"));
  commit_rounds("meanwhile", 2);
  cluster_.start("n2");
  EXPECT_NE(cluster_.node("n2").store().uuid(), store);
  EXPECT_GT(put_aside("n2"), 0U);
  ASSERT_TRUE(cluster_.all_in_sync(3));
  for (std::uint16_t i = 0; i < cluster_.shards(); ++i) {
    for (const Replica& member : cluster_.record(i).isr) EXPECT_NE(member.store, store);
  }
  commit_rounds("after", 1);
  EXPECT_TRUE(cluster_.all_have_all());
  // It is worth as much as any other.
  cluster_.crash("n1");
  cluster_.lose_disk("n1");
  commit_rounds("without n1", 1);
  EXPECT_TRUE(cluster_.all_have_all());
}

// Nobody else is there who could lead: it doesn't all the same.
TEST_P(DamagedDisk, IsNotElected) {
  start_three();
  commit_rounds("before", 4);
  for (const char* name : {"n1", "n2", "n3"}) cluster_.crash(name);
  ASSERT_TRUE(damage("n2", "before 1/0"));
  cluster_.start("n2");
  ASSERT_TRUE(eventually([&] {
    return cluster_.node("n2").node().status().controller == "n2" && is_registered("n2");
  }));
  ASSERT_TRUE(eventually([&] {
    return cluster_.log.count("no live member of the ISR may lead") >= cluster_.shards();
  }));
  EXPECT_EQ(led_by("n2"), 0U);
  cluster_.start("n1");
  cluster_.start("n3");
  commit_rounds("after", 1);
  ASSERT_TRUE(cluster_.all_in_sync(3));
  EXPECT_TRUE(cluster_.all_have_all());
}

INSTANTIATE_TEST_SUITE_P(OnDisk, DamagedDisk, testing::Values(LiveCluster::Disks::real));

}  // namespace
}  // namespace roost::cluster
