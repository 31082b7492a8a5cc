// SPDX-License-Identifier: Apache-2.0
#include "broker/routing/message.h"

#include <gtest/gtest.h>

#include <string>

namespace roost::routing {
namespace {

class Packet final : public SharedBlock {
 public:
  explicit Packet(bool& gone) : gone_(gone) {}
  ~Packet() override { gone_ = true; }
  const std::string payload = "the payload";

 private:
  bool& gone_;
};

TEST(Message, BorrowsAPayloadForAsLongAsItLives) {
  bool gone = false;
  auto packet = SharedPtr<const Packet>::adopt(new Packet(gone));
  const std::string forwarded = "forwarded";
  MessageParts parts;
  parts.topic = "camera/1";
  parts.payload = as_bytes(packet->payload);
  parts.payload_owner = SharedPtr<const SharedBlock>::share(packet.get());
  parts.forwarded = as_bytes(forwarded);
  MessagePtr message = Message::make(parts);
  const std::uint8_t* const where = parts.payload.data();
  parts = {};
  packet = {};
  EXPECT_FALSE(gone);
  EXPECT_EQ(message->payload().data(), where) << "it was copied";
  EXPECT_EQ(as_text(message->payload()), "the payload");
  EXPECT_EQ(message->topic(), "camera/1");
  EXPECT_EQ(as_text(message->forwarded()), "forwarded");
  EXPECT_EQ(message->memory_size(), sizeof(Message) + 8 + 9 + 11);
  EXPECT_FALSE(message->is_measured());
  message = {};
  EXPECT_TRUE(gone);
}

TEST(Message, CopiesAPayloadThatNobodyKeeps) {
  std::string payload = "payload";
  MessageParts parts;
  parts.topic = "t";
  parts.payload = as_bytes(payload);
  const MessagePtr message = Message::make(parts);
  payload = "other";
  EXPECT_EQ(as_text(message->payload()), "payload");
}

TEST(Message, KnowsWhenItCameWhereItsWayIsMeasured) {
  const std::string payload = "21.5";
  MessageParts parts;
  parts.topic = "t";
  parts.payload = as_bytes(payload);
  parts.measured_ns = 123'456'789'012;
  const MessagePtr copied = Message::make(parts);
  ASSERT_TRUE(copied->is_measured());
  EXPECT_EQ(copied->measured_ns(), 123'456'789'012);
  EXPECT_EQ(as_text(copied->payload()), "21.5");
  bool gone = false;
  const auto packet = SharedPtr<const Packet>::adopt(new Packet(gone));
  parts.payload = as_bytes(packet->payload);
  parts.payload_owner = SharedPtr<const SharedBlock>::share(packet.get());
  const MessagePtr borrowed = Message::make(parts);
  EXPECT_EQ(borrowed->measured_ns(), 123'456'789'012);
  EXPECT_EQ(as_text(borrowed->payload()), "the payload");
}

}  // namespace
}  // namespace roost::routing
