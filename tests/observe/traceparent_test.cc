// SPDX-License-Identifier: Apache-2.0
#include "broker/observe/traceparent.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/mqtt/properties.h"

namespace roost::observe {
namespace {

// https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers
const std::string kExample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsReadAsW3cWritesIt) {
  const auto parent = parse_traceparent(kExample);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace, (TraceId{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736}));
  EXPECT_EQ(parent->span, 0x00f067aa0ba902b7u);
  EXPECT_TRUE(parent->is_sampled);
  EXPECT_EQ(traceparent_text(*parent), kExample);
}

struct Case {
  const char* text;
  bool is_valid;
  bool is_sampled = false;
};

constexpr Case kCases[] = {
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", true},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", true, true},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", true, true},
    {"00-00000000000000000000000000000001-0000000000000001-01", true, true},
    // Later versions: what is known of them, whatever follows behind a dash.
    {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true, true},
    {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the", true, true},
    {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", true, true},
    {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", false},
    {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011", false},
    {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ", false},
    {" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
    {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00F067aa0ba902b7-01", false},
    {"0X-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", false},
    {"004bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b701....", false},
    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false},
    {"00", false},
    {"", false},
};

TEST(Traceparent, TakesNothingElse) {
  for (const Case& one : kCases) {
    const auto parent = parse_traceparent(one.text);
    EXPECT_EQ(parent.has_value(), one.is_valid) << '"' << one.text << '"';
    EXPECT_EQ(parent && parent->is_sampled, one.is_sampled) << one.text;
  }
}

std::vector<std::uint8_t> pair(const std::string& name, const std::string& value) {
  std::vector<std::uint8_t> bytes = {0x26};
  for (const std::string& text : {name, value}) {
    bytes.push_back(static_cast<std::uint8_t>(text.size() >> 8));
    bytes.push_back(static_cast<std::uint8_t>(text.size()));
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  return bytes;
}

std::vector<std::uint8_t> joined(const std::vector<std::vector<std::uint8_t>>& parts) {
  std::vector<std::uint8_t> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(Traceparent, IsFoundAmongWhatAMessageForwards) {
  const std::vector<std::uint8_t> text = {0x01, 1}, type = {0x03, 0, 1, 'j'};
  const auto own = pair("traceparent", kExample);
  EXPECT_EQ(find_traceparent(joined({text, type, pair("a", "b"), own, pair("c", "")})),
            parse_traceparent(kExample));
  EXPECT_FALSE(find_traceparent({}));
  EXPECT_FALSE(find_traceparent(joined({text, pair("Traceparent", kExample)})))
      << "names are exact";
  EXPECT_FALSE(find_traceparent(joined({own, own}))) << "which of the two?";
  EXPECT_FALSE(find_traceparent(joined({pair("traceparent", "x"), own})));
}

TEST(Traceparent, DamagedBytesAreNoProperties) {
  const auto own = pair("traceparent", kExample);
  for (std::size_t size = 0; size < own.size(); ++size) {
    EXPECT_FALSE(find_traceparent(ByteView(own).first(size))) << size;
  }
  const std::vector<std::uint8_t> unknown = {0x7f};
  EXPECT_FALSE(find_traceparent(joined({unknown, own})));
  // Behind the step mark of routing/message.h nothing is a property.
  const std::vector<std::uint8_t> step = {0x00};
  EXPECT_FALSE(find_traceparent(joined({step, own})));
}

}  // namespace
}  // namespace roost::observe
