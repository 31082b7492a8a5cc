// SPDX-License-Identifier: Apache-2.0
#include "broker/session/record_order.h"

#include <gtest/gtest.h>

#include <string_view>

#include "broker/base/hash.h"

namespace roost::session {
namespace {

routing::MessagePtr message(std::string_view topic, std::string_view publisher) {
  routing::MessageParts parts;
  parts.topic = topic;
  parts.origin = publisher.empty() ? 0 : hash64(publisher);
  return routing::Message::make(parts);
}

PublishedRecord published(std::string_view topic, std::string_view publisher,
                          std::optional<Source> source = std::nullopt) {
  return {message(topic, publisher), source};
}

ReleasedRecord of_client(std::string client_id) { return {std::move(client_id), {}, {}}; }

TEST(RecordOrder, BindsWhatOnePublisherSends) {
  RecordOrder order;
  order.add(published("large", "alice"));
  EXPECT_TRUE(order.binds(published("small", "alice")));
  EXPECT_TRUE(order.binds(RetainedRecord{message("small", "alice"), {}}));
  EXPECT_FALSE(order.binds(published("small", "bob")));
  EXPECT_FALSE(order.binds(published("small", ""))) << "nobody's own";
}

TEST(RecordOrder, BindsWhatIsSentToOneTopic) {
  RecordOrder order;
  order.add(RetainedRecord{message("state", "alice"), {}});
  EXPECT_TRUE(order.binds(RetainedRecord{message("state", "bob"), {}}));
  EXPECT_TRUE(order.binds(published("state", "")));
  EXPECT_FALSE(order.binds(published("state/1", "bob")));
}

// Targets tell a repeat by its index: one that was passed would be taken for one.
TEST(RecordOrder, BindsWhatOneShardsLogFansOut) {
  RecordOrder order;
  order.add(published("large", "alice", Source::of_shard(ShardId{7}, 0, 1)));
  EXPECT_TRUE(order.binds(published("small", "bob", Source::of_shard(ShardId{7}, 0, 2))));
  EXPECT_FALSE(order.binds(published("small", "bob", Source::of_shard(ShardId{8}, 0, 2))));
}

TEST(RecordOrder, BindsAClientsRecordsToEachOtherAndToItsMessages) {
  RecordOrder order;
  order.add(ReceivedRecord{"alice", {}, 1, message("large", "alice")});
  EXPECT_TRUE(order.binds(of_client("alice")));
  EXPECT_TRUE(order.binds(published("small", "alice")));
  EXPECT_FALSE(order.binds(of_client("bob")));
  RecordOrder gathered;
  gathered.add(GatheredRecord{"carol", {}, {{message("kept", "alice"), 0}}, true});
  EXPECT_TRUE(gathered.binds(of_client("carol")));
  EXPECT_TRUE(gathered.binds(AssignedRecord{message("t", "bob"), "carol", "g/t", {}}));
}

TEST(RecordOrder, BindsNothingThatIsAboutTheShardAlone) {
  RecordOrder order;
  order.add(published("large", "alice"));
  order.add(TickRecord{});
  EXPECT_FALSE(order.binds(TickRecord{}));
  EXPECT_FALSE(order.binds(ForwardedRecord{}));
}

}  // namespace
}  // namespace roost::session
