// SPDX-License-Identifier: Apache-2.0
#include "broker/server/cluster_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "broker/http/router.h"
#include "tests/server/fake_cluster.h"

namespace roost::server {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ClusterVerbs : public testing::Test {
 protected:
  ClusterVerbs() {
    cluster_.shown.cluster = "home";
    cluster_.shown.self = "a";
    cluster_.shown.controller = "b";
    cluster_.shown.is_joined = cluster_.shown.coordinator_reached = true;
    cluster_.shown.feature_level = 1;
    for (const char* name : {"a", "b", "c"}) cluster_.add_node(name);
  }

  http::Response ask(const std::string& method, const std::string& path,
                     const std::string& body = {}) {
    return http::Router(api_.routes(), true).handle({method, path, "", body, {}});
  }
  json::object status() {
    const http::Response answer = ask("GET", "/api/v1/cluster");
    EXPECT_EQ(answer.status, 200u);
    return json::parse(answer.body).as_object();
  }
  // {"well", "trouble"} of shard 0.
  std::string trouble() {
    const json::object shard = status().at("shards").as_array().at(0).as_object();
    const std::string text(shard.at("trouble").as_string());
    EXPECT_EQ(shard.at("well").as_bool(), text.empty());
    return text;
  }

  FakeCluster cluster_;
  ClusterApi api_{&cluster_};
};

TEST_F(ClusterVerbs, StatusHasNodesShardsAndAlarms) {
  cluster_.shown.nodes[2].is_alive = cluster_.shown.nodes[2].is_linked = false;
  cluster_.shown.nodes[0].leads = 21;
  cluster_.shown.nodes[0].in_sync = 60;
  cluster_.shown.nodes[0].holds = 64;
  cluster_.shown.alarms = {"etcd is older than what shard 3 has seen"};
  cluster_.add_shard({"b", "a"});
  const json::object shown = status();
  EXPECT_EQ(shown.at("cluster"), "home");
  EXPECT_EQ(shown.at("self"), "a");
  EXPECT_EQ(shown.at("controller"), "b");
  EXPECT_EQ(shown.at("joined"), true);
  EXPECT_EQ(shown.at("coordinator_reached"), true);
  EXPECT_EQ(shown.at("feature_level").to_number<int>(), 1);
  const json::array& nodes = shown.at("nodes").as_array();
  ASSERT_EQ(nodes.size(), 3u);
  const json::object& a = nodes.at(0).as_object();
  EXPECT_EQ(a.at("name"), "a");
  EXPECT_EQ(a.at("address"), "a.example:7883");
  EXPECT_EQ(a.at("zone"), "zone-a");
  EXPECT_EQ(a.at("version"), "0.1.0");
  EXPECT_EQ(a.at("alive"), true);
  EXPECT_EQ(a.at("leads").to_number<int>(), 21);
  EXPECT_EQ(a.at("in_sync").to_number<int>(), 60);
  EXPECT_EQ(a.at("holds").to_number<int>(), 64);
  EXPECT_EQ(nodes.at(2).as_object().at("alive"), false);
  EXPECT_EQ(nodes.at(2).as_object().at("linked"), false);
  const json::object& shard = shown.at("shards").as_array().at(0).as_object();
  EXPECT_EQ(shard.at("leader"), "b");
  EXPECT_EQ(shard.at("in_sync"), (json::array{"b", "a"}));
  EXPECT_EQ(shard.at("well"), true);
  EXPECT_EQ(shown.at("alarms"), (json::array{"etcd is older than what shard 3 has seen"}));
  EXPECT_EQ(shown.at("note"), "");
}

TEST_F(ClusterVerbs, AShardSaysWhatIsWrongWithIt) {
  cluster_.add_shard({"a", "b", "c"});
  EXPECT_EQ(trouble(), "");
  cluster::ClusterStatus::Shard& shard = cluster_.shown.shards[0];
  shard.record.isr.pop_back();
  EXPECT_EQ(trouble(), "not in sync: c");
  shard.record.adding = {{"c", "uuid-c"}};
  EXPECT_EQ(trouble(), "joining: c");
  shard.record.adding.clear();
  shard.record.removing = {{"a", "uuid-a"}};
  EXPECT_EQ(trouble(), "not in sync: c; leaving: a");
  shard.record.removing.clear();
  shard.is_stalled = true;
  shard.record.isr.pop_back();
  EXPECT_EQ(trouble(), "stalled: QoS 1 and 2 wait, 1 in sync, 2 needed; not in sync: b, c");
  shard.record.leader = {};
  EXPECT_THAT(trouble(), HasSubstr("no leader; stalled"));
}

// Another store under the same name is another replica. R7
TEST_F(ClusterVerbs, AReplicaWithAnotherStoreIsNotInSync) {
  cluster_.add_shard({"a", "b"}).record.replicas.back().store = "new";
  EXPECT_EQ(trouble(), "not in sync: b");
}

TEST_F(ClusterVerbs, TwoNodesAreToldWhatTwoNodesAre) {
  cluster_.shown.nodes.pop_back();
  cluster_.shown.nodes[1].is_alive = false;
  EXPECT_EQ(status().at("note"),
            "two nodes protect data, not availability: QoS 1 and 2 stop while one is away");
  cluster_.add_node("c");
  EXPECT_EQ(status().at("note"), "");
  cluster_.shown.nodes[2].is_leaving = true;
  EXPECT_NE(status().at("note"), "");
}

TEST_F(ClusterVerbs, WhatIsAskedIsPassedOn) {
  EXPECT_EQ(ask("POST", "/api/v1/cluster/remove", R"({"node": "c"})").status, 202u);
  EXPECT_EQ(ask("POST", "/api/v1/cluster/remove", R"({"node": "c", "undo": true})").status, 202u);
  EXPECT_EQ(ask("POST", "/api/v1/cluster/move-leaders", R"({"node": "a"})").status, 202u);
  EXPECT_EQ(ask("POST", "/api/v1/cluster/force-leader", R"({"shard": 3, "node": "b"})").status,
            202u);
  EXPECT_THAT(cluster_.asked,
              ElementsAre("remove c", "undo remove c", "move leaders a", "force 3 b"));
}

TEST_F(ClusterVerbs, ARefusalComesWithItsReason) {
  const std::vector<std::pair<ErrorKind, unsigned>> kinds = {{ErrorKind::not_found, 404},
                                                             {ErrorKind::invalid_argument, 400},
                                                             {ErrorKind::permission_denied, 403},
                                                             {ErrorKind::unavailable, 503}};
  for (const auto& [kind, status] : kinds) {
    cluster_.answers = error(kind, "no controller answers");
    const http::Response answer = ask("POST", "/api/v1/cluster/remove", R"({"node": "c"})");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(json::parse(answer.body).at("error"), "no controller answers");
  }
}

TEST_F(ClusterVerbs, ABodyThatIsNotUnderstoodIsNotPassedOn) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"remove", ""},
      {"remove", "[]"},
      {"remove", "{"},
      {"remove", R"({"node": 3})"},
      {"remove", R"({"node": "c", "undo": "yes"})"},
      {"move-leaders", "{}"},
      {"force-leader", R"({"node": "c"})"},
      {"force-leader", R"({"shard": 3})"},
      {"force-leader", R"({"shard": -1, "node": "c"})"},
      {"force-leader", R"({"shard": 70000, "node": "c"})"},
      {"force-leader", R"({"shard": "3", "node": "c"})"}};
  for (const auto& [verb, body] : cases) {
    EXPECT_EQ(ask("POST", "/api/v1/cluster/" + verb, body).status, 400u) << verb << " " << body;
  }
  EXPECT_THAT(cluster_.asked, IsEmpty());
}

TEST(ClusterVerbsAlone, SayThatTheNodeIsAlone) {
  ClusterApi api(nullptr);
  const http::Router router(api.routes(), true);
  const std::vector<std::pair<std::string, std::string>> verbs = {
      {"GET", "/api/v1/cluster"},
      {"POST", "/api/v1/cluster/remove"},
      {"POST", "/api/v1/cluster/move-leaders"},
      {"POST", "/api/v1/cluster/force-leader"}};
  for (const auto& [method, path] : verbs) {
    const http::Response answer = router.handle({method, path, "", R"({"node": "c"})", {}});
    EXPECT_EQ(answer.status, 400u) << path;
    EXPECT_THAT(answer.body, HasSubstr("no cluster.name")) << path;
  }
}

}  // namespace
}  // namespace roost::server
