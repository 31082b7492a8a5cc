// SPDX-License-Identifier: Apache-2.0
#include "cluster/questions.h"

#include <gmock/gmock.h>

#include <deque>
#include <optional>

#include "broker/base/bytes.h"

namespace roost::cluster {
namespace {

constexpr PeerId kOther{1};
constexpr std::uint64_t kSession = 5;

class QuestionsTest : public testing::Test {
 protected:
  struct Sent {
    PeerId to;
    PeerTalk talk;
  };

  void ask(const std::string& question, SteadyMs until_ms = 1000) {
    questions_.ask(kOther, kSession, question, until_ms,
                   [this](Result<std::string> answer) { answers_.push_back(std::move(answer)); });
  }
  PeerTalk take() {
    PeerTalk talk = std::move(sent_.front().talk);
    sent_.pop_front();
    return talk;
  }
  static PeerTalk said(std::uint64_t number, const std::string& text, bool is_last = true) {
    return {true, number, is_last, text};
  }

  bool is_linked_ = true;
  std::deque<Sent> sent_;
  std::deque<Result<std::string>> answers_;
  Questions questions_{[this](PeerId to, std::uint64_t session, std::string chunk) {
    EXPECT_EQ(session, kSession);
    auto message = decode_peer_message(as_bytes(chunk));
    if (is_linked_) sent_.push_back({to, std::get<PeerTalk>(*message)});
    return is_linked_;
  }};
};

TEST_F(QuestionsTest, AnAnswerBelongsToItsQuestion) {
  ask("one");
  ask("two");
  const PeerTalk one = take(), two = take();
  EXPECT_EQ(two.bytes, "two");
  questions_.answered(kOther, kSession, said(two.number, "second"));
  questions_.answered(kOther, kSession, said(two.number, "again"));
  questions_.answered(kOther, kSession, said(one.number, "fir", false));
  ASSERT_EQ(answers_.size(), 1U);
  questions_.answered(kOther, kSession, said(one.number, "st"));
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(*answers_[0], "second");
  EXPECT_EQ(*answers_[1], "first");
  EXPECT_EQ(questions_.pending(), 0U);
}

TEST_F(QuestionsTest, NobodyAnswersForAnother) {
  ask("one");
  const PeerTalk one = take();
  questions_.answered(PeerId{2}, kSession, said(one.number, "x"));
  questions_.answered(kOther, kSession + 1, said(one.number, "x"));
  EXPECT_TRUE(answers_.empty());
}

TEST_F(QuestionsTest, LongOnesGoInParts) {
  const std::string text = std::string(kTalkPartBytes, 'a') + "b";
  ask(text);
  ASSERT_EQ(sent_.size(), 2U);
  std::string whole;
  EXPECT_FALSE(questions_.came(PeerId{3}, kSession, take(), whole));
  EXPECT_TRUE(questions_.came(PeerId{3}, kSession, take(), whole));
  EXPECT_EQ(whole, text);
  ask(std::string(Questions::kAnswerMax + 1, 'x'));
  EXPECT_EQ(answers_.at(0).error().kind, ErrorKind::resource_exhausted);
}

TEST_F(QuestionsTest, AnAnswerThatIsTooLongIsCutOff) {
  ask("one");
  const std::uint64_t number = take().number;
  const std::string part(Questions::kAnswerMax, 'x');
  questions_.answered(kOther, kSession, said(number, part, false));
  questions_.answered(kOther, kSession, said(number, "x", false));
  EXPECT_EQ(answers_.at(0).error().kind, ErrorKind::resource_exhausted);
}

TEST_F(QuestionsTest, WhoeverWaitsIsTold) {
  ask("late", 100);
  ask("cut off");
  questions_.tick(99);
  EXPECT_TRUE(answers_.empty());
  questions_.tick(100);
  ASSERT_EQ(answers_.size(), 1U);
  questions_.on_peer_down(kOther, kSession);
  ASSERT_EQ(answers_.size(), 2U);
  is_linked_ = false;
  ask("no link");
  ASSERT_EQ(answers_.size(), 3U);
  is_linked_ = true;
  ask("at the end");
  questions_.end();
  ASSERT_EQ(answers_.size(), 4U);
  for (const auto& answer : answers_) EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
}

TEST_F(QuestionsTest, NoMoreThanTheLimitWait) {
  for (std::size_t i = 0; i < Questions::kPendingMax; ++i) ask("x");
  EXPECT_TRUE(answers_.empty());
  ask("x");
  EXPECT_EQ(answers_.at(0).error().kind, ErrorKind::unavailable);
}

TEST_F(QuestionsTest, PartsOfABrokenSessionAreForgotten) {
  std::string whole;
  questions_.came(kOther, kSession, {false, 1, false, "half"}, whole);
  questions_.on_peer_down(kOther, kSession);
  EXPECT_TRUE(questions_.came(kOther, kSession, {false, 1, true, "new"}, whole));
  EXPECT_EQ(whole, "new");
}

}  // namespace
}  // namespace roost::cluster
