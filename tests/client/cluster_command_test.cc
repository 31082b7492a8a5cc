// SPDX-License-Identifier: Apache-2.0
// roost cluster against a node that has the admin API and a cluster that isn't one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <cstdlib>
#include <filesystem>

#include "broker/admin/place.h"
#include "broker/cli/cli.h"
#include "broker/http/server.h"
#include "broker/server/cluster_api.h"
#include "tests/server/fake_cluster.h"

namespace roost::cli {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Ended {
  int code = 0;
  std::string out, err;
};

class ClusterCommand : public testing::Test {
 protected:
  ClusterCommand() {
    char name[] = "/tmp/roost-cluster-XXXXXX";
    folder_ = ::mkdtemp(name);
    cluster_.shown.cluster = "home";
    cluster_.shown.self = "a";
    cluster_.shown.controller = "b";
    cluster_.shown.is_joined = cluster_.shown.coordinator_reached = true;
    for (const char* node : {"a", "b", "c"}) cluster_.add_node(node);
  }
  ~ClusterCommand() override {
    node_.reset();
    std::filesystem::remove_all(folder_);
  }

  void serve(cluster::Cluster* cluster) {
    api_ = std::make_unique<server::ClusterApi>(cluster);
    http::Settings settings;
    settings.unix_path = admin::socket_path(folder_);
    settings.json_errors = true;
    auto opened = http::Server::open(settings, api_->routes());
    ASSERT_TRUE(opened) << opened.error().message;
    node_ = std::move(*opened);
    node_->start();
  }

  Ended run(std::vector<std::string> words) {
    words.insert(words.begin(), "cluster");
    if (words.size() > 1) words.insert(words.end(), {"--data-dir", folder_});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = run_cluster(static_cast<int>(argv.size()), argv.data());
    std::string out = testing::internal::GetCapturedStdout();
    return {code, std::move(out), testing::internal::GetCapturedStderr()};
  }

  std::string folder_;
  server::FakeCluster cluster_;
  std::unique_ptr<server::ClusterApi> api_;
  std::unique_ptr<http::Server> node_;
};

TEST_F(ClusterCommand, WithoutANodeEndsWith5) {
  const Ended ended = run({"status"});
  EXPECT_EQ(ended.code, 5);
  EXPECT_THAT(ended.err, HasSubstr("no node answers in " + folder_));
}

TEST_F(ClusterCommand, ANodeAloneSaysSo) {
  serve(nullptr);
  const Ended ended = run({"status"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("this node is alone"));
}

TEST_F(ClusterCommand, ShowsNodesAndOnlyShardsThatAreNotWell) {
  for (int i = 0; i < 4; ++i) cluster_.add_shard({"b", "a", "c"});
  cluster_.shown.shards[2].record.isr.pop_back();
  cluster_.shown.nodes[2].is_alive = cluster_.shown.nodes[2].is_linked = false;
  cluster_.shown.nodes[1].leads = 4;
  cluster_.shown.alarms = {"no disk"};
  serve(&cluster_);
  const Ended ended = run({"status"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "cluster        home, feature level 0\n"
            "this node      a, joined\n"
            "controller     b\n"
            "etcd           reached\n"
            "\n"
            "NODE  ADDRESS         ZONE    ALIVE  LINKED  LEADS  IN SYNC  HOLDS  VERSION\n"
            "a     a.example:7883  zone-a  yes    yes     0      0        0      0.1.0\n"
            "b     b.example:7883  zone-b  yes    yes     4      0        0      0.1.0\n"
            "c     c.example:7883  zone-c  NO     NO      0      0        0      0.1.0\n"
            "\n"
            "SHARD  LEADER  IN SYNC  REPLICAS  EPOCH  TROUBLE\n"
            "2      b       b a      b a c     5      not in sync: c\n"
            "3 of 4 shards are led and in sync.\n"
            "ALARM: no disk\n");
}

TEST_F(ClusterCommand, SaysWhenAllIsWellAndWhatTwoNodesAre) {
  cluster_.shown.nodes.pop_back();
  cluster_.add_shard({"a", "b"});
  serve(&cluster_);
  EXPECT_THAT(run({"status"}).out,
              HasSubstr("All 1 shards are led and in sync.\nTwo nodes protect data, not "
                        "availability: QoS 1 and 2 stop while one is away.\n"));
}

TEST_F(ClusterCommand, SaysWhatIsMissing) {
  cluster_.shown.is_joined = cluster_.shown.coordinator_reached = false;
  cluster_.shown.controller.clear();
  serve(&cluster_);
  const std::string shown = run({"status"}).out;
  for (const char* part : {"NOT JOINED YET", "controller     NONE", "NOT REACHED", "No shards yet"})
    EXPECT_THAT(shown, HasSubstr(part));
}

TEST_F(ClusterCommand, ANamesControlCharactersDontReachTheTerminal) {
  cluster_.add_node("\x1b[2J");
  serve(&cluster_);
  EXPECT_THAT(run({"status"}).out, Not(HasSubstr("\x1b")));
}

TEST_F(ClusterCommand, JsonIsTheAnswerAndShardOfIsTheBrokersHash) {
  for (int i = 0; i < 64; ++i) cluster_.add_shard({i % 2 == 0 ? "a" : "b", "c"});
  serve(&cluster_);
  const json::value all = json::parse(run({"status", "--json"}).out);
  EXPECT_EQ(all.at("shards").as_array().size(), 64u);
  const std::uint16_t shard = shard_of("lamp", 64).value;
  const json::value one = json::parse(run({"status", "--json", "--shard-of", "lamp"}).out);
  EXPECT_EQ(one, (json::value{
                     {"key", "lamp"}, {"shard", shard}, {"leader", shard % 2 == 0 ? "a" : "b"}}));
  EXPECT_EQ(run({"status", "--shard-of", "lamp"}).out,
            "shard " + std::to_string(shard) + ", led by " + (shard % 2 == 0 ? "a" : "b") + "\n");
}

TEST_F(ClusterCommand, ShardOfNeedsShards) {
  serve(&cluster_);
  const Ended ended = run({"status", "--shard-of", "lamp"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("no shards yet"));
}

TEST_F(ClusterCommand, RemovesUndoesMoves) {
  serve(&cluster_);
  EXPECT_THAT(run({"remove", "c"}).out, HasSubstr("c is being emptied."));
  EXPECT_THAT(run({"remove", "c", "--undo"}).out, HasSubstr("c stays."));
  EXPECT_THAT(run({"move-leaders", "a"}).out, HasSubstr("Leadership moves away from a."));
  EXPECT_THAT(cluster_.asked, ElementsAre("remove c", "undo remove c", "move leaders a"));
}

TEST_F(ClusterCommand, ARefusalEndsWith1AndItsReason) {
  serve(&cluster_);
  cluster_.answers = error(ErrorKind::unavailable, "no controller answers");
  const Ended ended = run({"remove", "c"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("no controller answers"));
  EXPECT_THAT(ended.out, IsEmpty());
}

TEST_F(ClusterCommand, ForcingALeaderSaysWhatMayBeLost) {
  cluster_.add_shard({"a", "b"}).record.replicas.push_back({"c", "uuid-c"});
  serve(&cluster_);
  const Ended ended = run({"force-leader", "0", "c", "--yes"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("Shard 0 is led by a; in sync: a, b; replicas: a, b, c."));
  EXPECT_THAT(ended.err, HasSubstr("c IS NOT IN SYNC"));
  EXPECT_THAT(ended.err, HasSubstr("LOST FOR GOOD"));
  EXPECT_THAT(ended.out, HasSubstr("c becomes the leader of shard 0."));
  EXPECT_THAT(run({"force-leader", "0", "b", "--yes"}).err,
              HasSubstr("b is in sync and holds all that was acknowledged."));
  EXPECT_THAT(cluster_.asked, ElementsAre("force 0 c", "force 0 b"));
}

// Tests have no terminal: stdin is a pipe, a file or nothing.
TEST_F(ClusterCommand, ForcingALeaderAsksNobodyWhereThereIsNoTerminal) {
  ASSERT_NE(std::freopen("/dev/null", "r", stdin), nullptr);
  cluster_.add_shard({"a", "b"});
  serve(&cluster_);
  const Ended ended = run({"force-leader", "0", "c"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--yes"));
  EXPECT_THAT(cluster_.asked, IsEmpty());
}

TEST_F(ClusterCommand, WrongWordsAreUsage) {
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"leave"}).code, 2);
  EXPECT_EQ(run({"remove"}).code, 2);
  EXPECT_EQ(run({"force-leader", "x", "c", "--yes"}).code, 2);
  EXPECT_EQ(run({"--help"}).code, 0);
}

}  // namespace
}  // namespace roost::cli
