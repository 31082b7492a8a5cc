// SPDX-License-Identifier: Apache-2.0
// What the state of a cluster says is wrong.
#include "broker/server/overview_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/fake_cluster.h"

namespace roost::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AlarmsTest : public testing::Test {
 protected:
  AlarmsTest() {
    for (const char* name : {"a", "b", "c"}) cluster_.add_node(name);
    cluster_.add_shard({"a", "b", "c"});
    cluster_.shown.coordinator_reached = true;
  }
  std::vector<std::string> alarms() const {
    std::vector<std::string> texts;
    for (const auto& one : alarms_of(cluster_.shown)) {
      texts.push_back(std::string(one.at("severity").as_string()) + ": " +
                      std::string(one.at("text").as_string()));
    }
    return texts;
  }
  FakeCluster cluster_;
};

TEST_F(AlarmsTest, NoneWhereAllIsWell) { EXPECT_THAT(alarms(), IsEmpty()); }

TEST_F(AlarmsTest, NameNodesThatAreAway) {
  cluster_.shown.nodes[1].is_alive = false;
  EXPECT_THAT(alarms(), ElementsAre("critical: node b is away"));
}

TEST_F(AlarmsTest, CountShardsThatServeNobody) {
  cluster_.add_shard({});
  EXPECT_THAT(alarms(), ElementsAre("critical: 1 shard without a leader"));
  cluster_.add_shard({});
  cluster_.add_shard({"a"}).is_stalled = true;
  EXPECT_THAT(alarms(), ElementsAre("critical: 2 shards without a leader",
                                    HasSubstr("critical: 1 shard stalled: QoS 1 and 2 wait")));
}

TEST_F(AlarmsTest, SayThatNobodyDecides) {
  cluster_.shown.coordinator_reached = false;
  EXPECT_THAT(alarms(), ElementsAre("critical: the coordinator (etcd) isn't reached"));
}

TEST_F(AlarmsTest, WarnOfTwoNodes) {
  cluster_.shown.nodes.pop_back();
  EXPECT_THAT(alarms(), ElementsAre(HasSubstr("warning: two nodes protect data")));
}

}  // namespace
}  // namespace roost::server
