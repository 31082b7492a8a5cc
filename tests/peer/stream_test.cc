// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer/stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "cluster/peer/settings.h"
#include "cluster/peer_network.h"
#include "tests/peer/fake_wire.h"

namespace roost::cluster::peer {
namespace {

class Owner final : public StreamOwner, public std::enable_shared_from_this<Owner> {
 public:
  void on_hello(const std::shared_ptr<Stream>& stream, const pb::Hello& hello) override {
    ++hellos;
    refuses ? stream->refuse(hello) : stream->adopt(shared_from_this(), hello);
  }
  void on_envelope(const std::shared_ptr<Stream>& stream, pb::Envelope& envelope) override {
    for (const std::string& chunk : envelope.chunks()) received.push_back(chunk);
    if (goes_on) stream->go_on();
  }
  void on_sent(std::size_t chunks, std::size_t bytes, std::size_t) override {
    sent_chunks += chunks;
    sent_bytes += bytes;
  }
  void on_end(const Stream&, const std::string& why) override { ends.push_back(why); }

  bool refuses = false;
  bool goes_on = true;
  int hellos = 0;
  std::size_t sent_chunks = 0;
  std::size_t sent_bytes = 0;
  std::vector<std::string> received;
  std::vector<std::string> ends;
};

// A stream that somebody dialled, on a wire in memory.
class PeerStream : public ::testing::Test {
 protected:
  PeerStream() {
    stream_ = std::make_shared<Stream>(owner_, live_);
    stream_->accept(wire_);
  }
  ~PeerStream() override {
    stream_->end();
    if (wire_.writing) wire_.end_write(*stream_, false);
    if (!is_gone_) events().on_gone("the test is over");
    live_->wait_for_none();
  }
  void hear_hello() {
    pb::Envelope hello;
    hello.mutable_hello()->set_session(1);
    wire_.end_read(events(), hello);
  }
  void open() {
    hear_hello();
    wire_.end_write(events());
    stream_->open(0, pacer_);
  }
  WireEvents& events() { return *stream_; }
  void next_slot() { clock_.advance_ms(kSlotMs); }
  // Other lanes say so much that each lane has only one envelope of a slot.
  void say_much() {
    for (std::uint64_t i = 0; i <= kPaceAbove; ++i) pacer_.note_sent();
    SteadyMs other = 0;
    pacer_.may_begin(other, false);
  }

  const std::shared_ptr<Owner> owner_ = std::make_shared<Owner>();
  const std::shared_ptr<LiveCount> live_ = std::make_shared<LiveCount>();
  FakeWire wire_;
  ManualClock clock_;
  Count waits_;
  int wakes_ = 0;
  Pacer pacer_{clock_, waits_, [this] { ++wakes_; }};
  std::shared_ptr<Stream> stream_;
  bool is_gone_ = false;
};

TEST_F(PeerStream, ReadsTheHelloAndThenNothingUntilItIsOpen) {
  ASSERT_NE(wire_.reading, nullptr);
  hear_hello();
  EXPECT_EQ(owner_->hellos, 1);
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_TRUE(wire_.writing->has_hello());
  wire_.end_write(events());
  EXPECT_EQ(wire_.reading, nullptr);
  stream_->open(0, pacer_);
  EXPECT_NE(wire_.reading, nullptr);
}

TEST_F(PeerStream, WithoutAHelloFirstEnds) {
  pb::Envelope first;
  first.add_chunks("x");
  wire_.end_read(events(), first);
  EXPECT_EQ(owner_->hellos, 0);
  EXPECT_TRUE(wire_.is_cancelled);
  EXPECT_TRUE(wire_.is_finished);
}

TEST_F(PeerStream, RefusedEndsWhenTheAnswerIsOut) {
  owner_->refuses = true;
  hear_hello();
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_FALSE(wire_.is_finished);
  wire_.end_write(events());
  EXPECT_TRUE(wire_.is_finished);
  EXPECT_FALSE(wire_.is_cancelled) << "the answer would be lost";
  EXPECT_FALSE(stream_->send("x"));
}

TEST_F(PeerStream, BatchesWhatWasSentWhileAWriteWasUnderWay) {
  open();
  ASSERT_TRUE(stream_->send("1"));
  ASSERT_TRUE(stream_->send("22"));
  ASSERT_TRUE(stream_->send("333"));
  ASSERT_EQ(wire_.writing->chunks_size(), 1);
  EXPECT_EQ(stream_->waiting_bytes(), 6u);
  wire_.end_write(events());
  ASSERT_EQ(wire_.writing->chunks_size(), 2);
  EXPECT_EQ(wire_.writing->chunks(0), "22");
  EXPECT_EQ(wire_.writing->chunks(1), "333");
  EXPECT_EQ(stream_->waiting_bytes(), 5u);
  wire_.end_write(events());
  EXPECT_EQ(wire_.writing, nullptr);
  EXPECT_EQ(stream_->waiting_bytes(), 0u);
  EXPECT_EQ(owner_->sent_chunks, 3u);
  EXPECT_EQ(owner_->sent_bytes, 6u);
}

TEST_F(PeerStream, KeepsAnEnvelopeBelowOneMegabyte) {
  open();
  stream_->send("first");
  std::size_t chunks = 0;
  for (int i = 0; i < 4; ++i) stream_->send(std::string(kChunkBytesMax, 'x'));
  for (int i = 0; i < 300'000; ++i) stream_->send("x");
  for (; wire_.writing; wire_.end_write(events())) {
    EXPECT_LT(wire_.writing->ByteSizeLong(), 1'000'000u);
    chunks += static_cast<std::size_t>(wire_.writing->chunks_size());
  }
  EXPECT_EQ(chunks, 300'005u);
}

TEST_F(PeerStream, MuchTrafficGoesTogetherOnceASlot) {
  open();
  say_much();
  stream_->send("1");
  ASSERT_NE(wire_.writing, nullptr) << "its own of this slot";
  wire_.end_write(events());
  stream_->send("2");
  stream_->send("3");
  EXPECT_EQ(wire_.writing, nullptr);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(stream_->waiting_bytes(), 2u);
  pacer_.tick();
  EXPECT_EQ(wire_.writing, nullptr);
  next_slot();
  pacer_.tick();
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_EQ(wire_.writing->chunks_size(), 2);
  wire_.end_write(events());
  EXPECT_EQ(waits_.value(), 1u);
}

TEST_F(PeerStream, WhatCameDuringAWriteWaitsForTheSlotToo) {
  open();
  say_much();
  stream_->send("1");
  stream_->send("2");
  wire_.end_write(events());
  EXPECT_EQ(wire_.writing, nullptr);
  next_slot();
  pacer_.tick();
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_EQ(wire_.writing->chunks(0), "2");
}

TEST_F(PeerStream, MuchThatWaitsDoesNotWaitForTheSlot) {
  open();
  say_much();
  stream_->send("1");
  wire_.end_write(events());
  stream_->send(std::string(kMuchBytes - 1, 'x'));
  EXPECT_EQ(wire_.writing, nullptr);
  stream_->send("y");
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_EQ(wire_.writing->chunks_size(), 2);
  wire_.end_write(events());
  next_slot();
  pacer_.tick();
  EXPECT_EQ(wire_.writing, nullptr) << "nothing is left for the slot";
}

TEST_F(PeerStream, AnEndWhileItWaitsForTheSlotIsAnEnd) {
  open();
  say_much();
  stream_->send("1");
  wire_.end_write(events());
  stream_->send("2");
  stream_->end();
  EXPECT_TRUE(wire_.is_finished);
  next_slot();
  pacer_.tick();
  EXPECT_EQ(wire_.writing, nullptr);
}

TEST_F(PeerStream, WhatIsSentBeforeTheHelloIsOutWaitsForIt) {
  hear_hello();
  stream_->open(0, pacer_);
  ASSERT_TRUE(stream_->send("x"));
  EXPECT_TRUE(wire_.writing->has_hello());
  wire_.end_write(events());
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_EQ(wire_.writing->chunks(0), "x");
}

TEST_F(PeerStream, SaysThatItLivesOnlyWhenNothingElseWasSaid) {
  open();
  const std::int64_t now = now_ms();
  EXPECT_LE(stream_->keep_alive(now), now + kKeepAliveMs);
  EXPECT_EQ(wire_.writing, nullptr) << "the hello was just now";
  stream_->keep_alive(now + 2 * kKeepAliveMs);
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_EQ(wire_.writing->ByteSizeLong(), 0u);
  stream_->keep_alive(now + 4 * kKeepAliveMs);  // while that is under way
  stream_->send("x");
  wire_.end_write(events());
  ASSERT_NE(wire_.writing, nullptr);
  EXPECT_EQ(wire_.writing->chunks_size(), 1);
}

TEST_F(PeerStream, ReadsOnlyWhenItsOwnerGoesOn) {
  open();
  owner_->goes_on = false;
  pb::Envelope envelope;
  envelope.add_chunks("x");
  wire_.end_read(events(), envelope);
  EXPECT_EQ(owner_->received, std::vector<std::string>{"x"});
  EXPECT_EQ(wire_.reading, nullptr);
  stream_->go_on();
  EXPECT_NE(wire_.reading, nullptr);
}

TEST_F(PeerStream, FinishesOnlyWhenNoWriteIsUnderWay) {
  open();
  stream_->send("x");
  stream_->send("y");
  stream_->end();
  EXPECT_TRUE(wire_.is_cancelled);
  EXPECT_FALSE(wire_.is_finished);
  EXPECT_FALSE(stream_->send("z"));
  wire_.end_write(events(), false);
  EXPECT_TRUE(wire_.is_finished);
  EXPECT_EQ(wire_.writing, nullptr);
  stream_->go_on();
  stream_->end();
}

TEST_F(PeerStream, TellsNothingOfWhatComesAfterItsEnd) {
  open();
  stream_->end();
  pb::Envelope envelope;
  envelope.add_chunks("x");
  wire_.end_read(events(), envelope);
  EXPECT_TRUE(owner_->received.empty());
}

TEST_F(PeerStream, AFailedReadEndsItAndTheEndIsToldOnce) {
  open();
  wire_.fail_read(events());
  EXPECT_TRUE(wire_.is_finished);
  EXPECT_TRUE(owner_->ends.empty());
  events().on_gone("reset");
  is_gone_ = true;
  EXPECT_EQ(owner_->ends, std::vector<std::string>{"reset"});
  EXPECT_FALSE(stream_->send("x"));
}

}  // namespace
}  // namespace roost::cluster::peer
