// SPDX-License-Identifier: Apache-2.0
#include "broker/session/share_step.h"

#include <gtest/gtest.h>

#include <string>

namespace roost::session {
namespace {

ShareStep joined() {
  ShareStep step;
  step.what = ShareStep::What::joined;
  step.share = "g/home/+";
  step.client_id = "lamp";
  step.generation = {3, 14};
  step.life = 0xFFFF'0000'1234'5678;
  step.connected = true;
  step.qos = mqtt::Qos::exactly_once;
  return step;
}

routing::MessagePtr published(std::string_view payload) {
  routing::MessageParts parts;
  parts.topic = "home/1";
  parts.payload = as_bytes(payload);
  parts.qos = mqtt::Qos::exactly_once;
  parts.retain = true;
  parts.origin = 7;
  parts.sequence = 9;
  parts.received_ms = 1234;
  parts.expiry_s = 60;
  parts.forwarded = as_bytes(std::string_view("\x01\x01", 2));  // UTF-8 payload
  return routing::Message::make(parts);
}

TEST(ShareStep, StandsInAMessageOfItsOwn) {
  const auto message = step_message(joined(), {}, 77);
  ASSERT_TRUE(message->is_step());
  EXPECT_FALSE(message->topic().empty());
  EXPECT_EQ(message->qos(), mqtt::Qos::at_least_once);
  EXPECT_EQ(message->received_ms(), 77);
  EXPECT_EQ(read_step(*message), joined());
  EXPECT_TRUE(is_joined(*message));
}

TEST(ShareStep, TakesAMessageAlongUnchanged) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{100'000}}) {
    const std::string payload(size, 'x');
    ShareStep step = joined();
    step.what = ShareStep::What::assigned;
    step.retain = true;
    routing::MessagePtr sent;
    {
      const auto message = published(payload);
      sent = step_message(step, message, 0);
    }
    EXPECT_FALSE(sent->retain()) << "it isn't kept for a topic";
    EXPECT_FALSE(is_joined(*sent));
    ASSERT_EQ(read_step(*sent), step);
    const auto back = about_of(step, sent);
    sent = {};
    EXPECT_FALSE(back->is_step());
    EXPECT_EQ(back->topic(), "home/1");
    EXPECT_EQ(as_text(back->payload()), payload);
    EXPECT_EQ(back->qos(), mqtt::Qos::exactly_once);
    EXPECT_TRUE(back->retain());
    EXPECT_EQ(back->origin(), 7u);
    EXPECT_EQ(back->sequence(), 9u);
    EXPECT_EQ(back->received_ms(), 1234);
    EXPECT_EQ(back->expiry_s(), 60u);
    EXPECT_EQ(as_text(back->forwarded()), std::string_view("\x01\x01", 2));
  }
}

// What a client sends forwards properties, whose numbers begin with 1.
TEST(ShareStep, IsNothingThatAClientCanSend) {
  EXPECT_FALSE(published("x")->is_step());
  mqtt::Properties properties;
  properties.present |= std::uint64_t{1}
                        << static_cast<unsigned>(mqtt::PropertyId::payload_format_indicator);
  properties.payload_format_indicator = 0;
  routing::MessageParts parts;
  parts.topic = "t";
  parts.properties = &properties;
  EXPECT_FALSE(routing::Message::make(parts)->is_step());
  parts.properties = nullptr;
  EXPECT_FALSE(routing::Message::make(parts)->is_step());
}

TEST(ShareStep, RefusesWhatIsCutOffOrUnknown) {
  const auto whole = step_message(joined(), {}, 0);
  const std::string bytes(as_text(whole->forwarded()));
  const auto read = [](std::string_view forwarded) {
    routing::MessageParts parts;
    parts.topic = "t";
    parts.forwarded = as_bytes(forwarded);
    return read_step(*routing::Message::make(parts));
  };
  ASSERT_TRUE(read(bytes));
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_FALSE(read(std::string_view(bytes).substr(0, size))) << size;
  }
  std::string other = bytes;
  other[2] = 7;  // behind given_back
  EXPECT_FALSE(read(other));
  other = bytes + 'x';
  other[1] = static_cast<char>(other[1] + 1);  // a byte behind its end
  EXPECT_FALSE(read(other));
}

}  // namespace
}  // namespace roost::session
