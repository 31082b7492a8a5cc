// SPDX-License-Identifier: Apache-2.0
// Who is followed, how many at once, and what is kept of those that are over.
#include "broker/server/trace_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roost::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TraceHubTest : public testing::Test {
 protected:
  Result<void> begin(const std::string& name, std::int64_t for_s = 60) {
    TraceWish wish;
    wish.client_id = "lamp-*";
    wish.for_s = for_s;
    return hub_.begin(name, wish);
  }
  void fill(std::int64_t for_s) {
    for (std::size_t i = 0; i < TraceHub::kTracesMax; ++i) {
      ASSERT_TRUE(begin("t" + std::to_string(i), for_s)) << i;
    }
  }
  void note(std::string_view client_id, std::string_view text) {
    session::TraceEvent event;
    event.client_id = client_id;
    event.text = text;
    hub_.on_event(event);
  }
  std::vector<std::string> texts(const std::string& name) {
    std::vector<std::string> found;
    for (const TraceLine& line : hub_.fetch(name, 100).lines) found.push_back(line.text);
    return found;
  }

  ManualClock clock_;
  bool is_on_ = false;
  TraceHub hub_{clock_, [this](bool is_on) { is_on_ = is_on; }};
};

TEST_F(TraceHubTest, FollowsWhoIsWantedUntilItsTimeIsOver) {
  ASSERT_TRUE(begin("one", 10));
  EXPECT_TRUE(is_on_);
  note("lamp-1", "here");
  note("door-1", "not wanted");
  clock_.advance_ms(10'000);
  note("lamp-1", "too late");
  EXPECT_FALSE(is_on_);
  EXPECT_THAT(texts("one"), ElementsAre("-- here"));
  EXPECT_TRUE(hub_.fetch("one", 100).is_over);
}

TEST_F(TraceHubTest, EightAreUnderWayAtMost) {
  fill(60);
  const auto ninth = begin("ninth");
  ASSERT_FALSE(ninth);
  EXPECT_EQ(ninth.error().kind, ErrorKind::resource_exhausted);
  EXPECT_EQ(hub_.refused(), 1U);
  EXPECT_TRUE(begin("t3")) << "it takes its own place";
  hub_.end("t5");
  EXPECT_TRUE(begin("ninth"));
}

TEST_F(TraceHubTest, ThoseThatAreOverMakeRoomTheOldestFirst) {
  fill(60);
  hub_.end("t4");
  ASSERT_TRUE(begin("t4", 20));
  hub_.end("t2");
  ASSERT_TRUE(begin("t2", 10));
  note("lamp-1", "here");
  clock_.advance_ms(20'000);
  EXPECT_TRUE(begin("ninth"));
  EXPECT_THAT(texts("t2"), IsEmpty()) << "over for longer than t4";
  EXPECT_THAT(texts("t4"), ElementsAre("-- here")) << "over, and kept";
  EXPECT_TRUE(begin("tenth"));
  EXPECT_FALSE(begin("eleventh")) << "eight are under way";
  EXPECT_THAT(texts("t0"), ElementsAre("-- here"));
}

TEST_F(TraceHubTest, KeepsNoMoreHoweverManyComeAndGo) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(begin("t" + std::to_string(i), 1)) << i;
    note("lamp-1", "here");
    clock_.advance_ms(1'000);
  }
  EXPECT_THAT(texts("t91"), IsEmpty()) << "not more than eight are kept";
  EXPECT_THAT(texts("t92"), ElementsAre("-- here"));
}

TEST_F(TraceHubTest, OneThatIsOverIsKeptForAnHour) {
  ASSERT_TRUE(begin("one", 1));
  note("lamp-1", "here");
  clock_.advance_ms(1'000 + TraceHub::kForMaxS * 1000 - 1);
  ASSERT_TRUE(begin("two", 1));
  EXPECT_THAT(texts("one"), ElementsAre("-- here"));
  clock_.advance_ms(1);
  ASSERT_TRUE(begin("three", 1));
  note("lamp-1", "here");
  EXPECT_THAT(texts("one"), IsEmpty());
}

}  // namespace
}  // namespace roost::server
