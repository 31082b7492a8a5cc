// SPDX-License-Identifier: Apache-2.0
#include "cluster/shard_record.h"

#include <gtest/gtest.h>

namespace roost::cluster {
namespace {

ShardRecord example() {
  ShardRecord record;
  record.counter = 12;
  record.lineage = 2;
  record.epoch = 5;
  record.leader = {"b", "u2"};
  record.isr = {{"b", "u2"}, {"a", "u1"}};
  record.replicas = {{"a", "u1"}, {"b", "u2"}, {"c d%\n", "u3"}};
  record.adding = {{"c d%\n", "u3"}};
  record.removing = {{"a", "u1"}};
  record.min_in_sync = 2;
  return record;
}

TEST(ShardRecord, IsTextWithAFieldALine) {
  EXPECT_EQ(encode(example()),
            "roost shard 1\n"
            "counter 12\n"
            "lineage 2\n"
            "epoch 5\n"
            "leader b u2\n"
            "isr b u2\n"
            "isr a u1\n"
            "replica a u1\n"
            "replica b u2\n"
            "replica c%20d%25%0a u3\n"
            "adding c%20d%25%0a u3\n"
            "removing a u1\n"
            "min_in_sync 2\n");
}

TEST(ShardRecord, ComesBackAsItWas) {
  const auto decoded = decode_shard_record(encode(example()));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, example());
  ShardRecord least;
  least.counter = 1;
  ASSERT_TRUE(decode_shard_record(encode(least)));
  EXPECT_EQ(*decode_shard_record(encode(least)), least);
}

TEST(ShardRecord, ALaterVersionsFieldsAreSkipped) {
  const auto decoded = decode_shard_record(encode(example()) + "colour blue and green\n");
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, example());
}

TEST(ShardRecord, NothingThatIsWrongIsTaken) {
  const std::string head = "roost shard 1\ncounter 1\n";
  for (const std::string& text : {std::string(),
                                  std::string("roost node 1\n"),
                                  std::string("roost shard 2\ncounter 1\n"),
                                  std::string("roost shard 1\n"),
                                  std::string("roost shard 1\ncounter 0\n"),
                                  head + "epoch\n",
                                  head + "epoch x\n",
                                  head + "epoch -1\n",
                                  head + "epoch 1 2\n",
                                  head + "epoch 99999999999999999999\n",
                                  head + "epoch 1\nepoch 1\n",
                                  head + "isr a\n",
                                  head + "isr  u\n",
                                  head + "isr a u v\n",
                                  head + "isr a u\nisr a u\n",
                                  head + "isr %zz u\n",
                                  head + "isr %4 u\n",
                                  head + "leader a u\n",
                                  head + "adding a u\n",
                                  head + "min_in_sync 0\n",
                                  head + "min_in_sync 1000\n",
                                  head + "epoch 1"}) {
    const auto decoded = decode_shard_record(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().kind, ErrorKind::corrupt);
    EXPECT_TRUE(decoded.error().message.starts_with("line ")) << decoded.error().message;
  }
}

TEST(ShardRecord, EveryCutAndEveryFlippedByteIsDecodedOrRefused) {
  const std::string text = encode(example());
  for (std::size_t at = 0; at < text.size(); ++at) {
    EXPECT_FALSE(decode_shard_record(text.substr(0, at)) && text[at == 0 ? 0 : at - 1] != '\n');
    for (const char byte : {'\0', ' ', '\n', '%', 'z', '\xff'}) {
      std::string other = text;
      other[at] = byte;
      const auto decoded = decode_shard_record(other);
      if (!decoded) continue;
      const auto again = decode_shard_record(encode(*decoded));
      ASSERT_TRUE(again) << other;
      EXPECT_EQ(*again, *decoded);
    }
  }
}

TEST(ShardRecord, LimitsHold) {
  std::string text = "roost shard 1\ncounter 1\n";
  for (int i = 0; i < 64; ++i) text += "isr n" + std::to_string(i) + " u\n";
  EXPECT_TRUE(decode_shard_record(text));
  EXPECT_FALSE(decode_shard_record(text + "isr one-more u\n"));
  EXPECT_FALSE(decode_shard_record(text + std::string(70000, 'x') + "\n"));
}

TEST(NodeRecord, ComesBackAsItWas) {
  NodeRecord node{"a", "10.0.0.1:1885", 77, "u1", "0.1.0", ""};
  for (const Brought level : {Brought::nothing, Brought::content, Brought::bookkeeping}) {
    node.brings = level;
    node.brings_epoch = level == Brought::nothing ? 0 : 12;
    const auto decoded = decode_node_record(encode(node));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, node);
  }
  const std::string of_later = "roost node 1\nname a\nbrings_data 3\n";
  EXPECT_EQ(decode_node_record(of_later)->brings, Brought::content) << "rather too careful";
  EXPECT_FALSE(decode_node_record("roost node 1\naddress x\n"));
  EXPECT_FALSE(decode_node_record(encode(example())));
}

}  // namespace
}  // namespace roost::cluster
