// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/etcd/await.h"
#include "tests/etcd/etcd_cluster.h"

namespace roost::cluster {
namespace {

using Outcome = TxnResult::Outcome;

TEST(EtcdTransactions, CreateCompareRefuseAndErase) {
  EtcdCluster etcd;
  const auto coordinator = connect(etcd.options());

  const TxnResult created = transact(*coordinator, create("/a/1", "one"));
  ASSERT_EQ(created.outcome, Outcome::done) << created.why;
  const TxnResult again = transact(*coordinator, create("/a/1", "other"));
  EXPECT_EQ(again.outcome, Outcome::refused);
  EXPECT_EQ(again.revision, created.revision);

  const TxnResult replaced = transact(*coordinator, replace("/a/1", "two", created.revision));
  ASSERT_EQ(replaced.outcome, Outcome::done) << replaced.why;
  EXPECT_EQ(replaced.revision, created.revision + 1);
  EXPECT_EQ(transact(*coordinator, replace("/a/1", "three", created.revision)).outcome,
            Outcome::refused);

  auto listing = list(*coordinator, "/a/");
  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->keys.size(), 1u);
  EXPECT_EQ(listing->revision, replaced.revision);
  EXPECT_EQ(listing->keys[0].key, "/a/1");
  EXPECT_EQ(listing->keys[0].value, "two");
  EXPECT_EQ(listing->keys[0].created, created.revision);
  EXPECT_EQ(listing->keys[0].modified, replaced.revision);

  EXPECT_EQ(transact(*coordinator, erase("/a/1")).outcome, Outcome::done);
  EXPECT_TRUE(list(*coordinator, "/a/")->keys.empty());
}

// The controller asks so whether a record is still the one that it saw.
TEST(EtcdTransactions, OneWithoutChangesIsAQuestion) {
  EtcdCluster etcd;
  const auto coordinator = connect(etcd.options());
  const TxnResult created = transact(*coordinator, create("/a/1", "one"));
  ASSERT_EQ(created.outcome, Outcome::done) << created.why;
  const Txn same{{{"/a/1", Condition::On::modified, created.revision}}, {}};
  const TxnResult asked = transact(*coordinator, same);
  EXPECT_EQ(asked.outcome, Outcome::done) << asked.why;
  EXPECT_EQ(asked.revision, created.revision);
  const Txn other{{{"/a/1", Condition::On::modified, created.revision + 1}}, {}};
  EXPECT_EQ(transact(*coordinator, other).outcome, Outcome::refused);
}

TEST(EtcdTransactions, ChangeAllOrNothing) {
  EtcdCluster etcd;
  const auto coordinator = connect(etcd.options());
  ASSERT_EQ(transact(*coordinator, create("/b/1", "x")).outcome, Outcome::done);

  const Condition absent{"/b/2", Condition::On::created, 0};
  const Condition wrong{"/b/1", Condition::On::created, 1 << 20};
  const std::vector<Change> changes = {PutKey{"/b/2", "y"}, EraseKey{"/b/1"}};
  EXPECT_EQ(transact(*coordinator, {{absent, wrong}, changes}).outcome, Outcome::refused);
  EXPECT_EQ(list(*coordinator, "/b/")->keys.size(), 1u);
  EXPECT_EQ(transact(*coordinator, {{absent}, changes}).outcome, Outcome::done);
  const auto listing = list(*coordinator, "/b/");
  ASSERT_EQ(listing->keys.size(), 1u);
  EXPECT_EQ(listing->keys[0].key, "/b/2");
}

TEST(EtcdTransactions, AListingKeepsToItsPrefix) {
  EtcdCluster etcd({.members = 1});
  const auto coordinator = connect(etcd.options());
  for (const char* key : {"/c/", "/c/1", "/c", "/c0", "/c/\xff\xff", "/d"}) {
    ASSERT_EQ(transact(*coordinator, create(key, "x")).outcome, Outcome::done);
  }
  const auto listing = list(*coordinator, "/c/");
  std::vector<std::string> keys;
  for (const KeyValue& pair : listing->keys) keys.push_back(pair.key);
  EXPECT_THAT(keys, testing::ElementsAre("/c/", "/c/1", "/c/\xff\xff"));
  EXPECT_EQ(list(*coordinator, "")->keys.size(), 6u);
}

TEST(EtcdTransactions, OneThatEtcdDeclinesHasFailed) {
  EtcdCluster etcd({.members = 1});
  const auto coordinator = connect(etcd.options());
  const TxnResult no_key = transact(*coordinator, create("", "x"));
  EXPECT_EQ(no_key.outcome, Outcome::failed);
  EXPECT_THAT(no_key.why, testing::HasSubstr("key is not provided"));
}

TEST(EtcdTransactions, OneThatReachedNobodyHasFailed) {
  EtcdCluster etcd({.is_started = false});
  EtcdOptions options = etcd.options();
  options.timeout_ms = 300;
  const auto coordinator = connect(options);
  const TxnResult result = transact(*coordinator, create("/e", "x"));
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.why, testing::HasSubstr("Connection refused"));
  EXPECT_EQ(list(*coordinator, "/e").error().kind, ErrorKind::unavailable);
}

TEST(EtcdTransactions, AnEtcdThatComesUpLaterAnswersThem) {
  EtcdCluster etcd({.is_started = false});
  EtcdOptions options = etcd.options();
  options.timeout_ms = 200;
  const auto early = connect(options);
  Recorder recorder;
  const auto watch = early->watch("/f/", recorder);
  // The refused connections have been seen.
  EXPECT_EQ(transact(*early, create("/f/1", "x")).outcome, Outcome::failed);
  etcd.start_all();
  EXPECT_TRUE(recorder.wait_for([](const auto& told) { return told.resets.size() == 1; }));
  write(*early, "/f/1", "x");
  EXPECT_TRUE(recorder.wait_for([](const auto& told) { return told.has_seen("/f/1", "x"); }));
}

// Three members without a majority: it reached one, which may execute it yet.
TEST(EtcdTransactions, OneWithoutAMajorityIsUnknown) {
  EtcdCluster etcd;
  EtcdOptions options = etcd.options();
  options.answer_ms = 300;
  options.timeout_ms = 1000;
  const auto coordinator = connect(options);
  const TxnResult created = transact(*coordinator, create("/g", "x"));
  ASSERT_EQ(created.outcome, Outcome::done);
  const std::size_t leader = etcd.leader();
  for (std::size_t i = 0; i < etcd.size(); ++i) {
    if (i != leader) etcd.pause(i);
  }
  const TxnResult result = transact(*coordinator, replace("/g", "y", created.revision));
  EXPECT_EQ(result.outcome, Outcome::unknown) << result.why;
}

}  // namespace
}  // namespace roost::cluster
