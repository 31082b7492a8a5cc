// SPDX-License-Identifier: Apache-2.0
// A wire in memory: keeps what was begun, and ends it when the test says so.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "cluster/peer/wire.h"

namespace roost::cluster::peer {

class FakeWire final : public Wire {
 public:
  void read(pb::Envelope& into) override {
    EXPECT_EQ(reading, nullptr);
    EXPECT_FALSE(is_finished);
    reading = &into;
  }
  void write(const pb::Envelope& envelope) override {
    EXPECT_EQ(writing, nullptr);
    EXPECT_FALSE(is_finished);
    writing = &envelope;
  }
  void cancel() override {
    EXPECT_FALSE(is_finished);
    is_cancelled = true;
  }
  void finish() override {
    EXPECT_EQ(writing, nullptr);
    EXPECT_FALSE(is_finished);
    is_finished = true;
  }
  bool is_named(const std::string&) const override { return true; }

  void end_read(WireEvents& events, const pb::Envelope& got) {
    *std::exchange(reading, nullptr) = got;
    events.on_read(true);
  }
  void fail_read(WireEvents& events) {
    reading = nullptr;
    events.on_read(false);
  }
  void end_write(WireEvents& events, bool is_ok = true) {
    writing = nullptr;
    events.on_written(is_ok);
  }

  pb::Envelope* reading = nullptr;
  const pb::Envelope* writing = nullptr;
  bool is_cancelled = false;
  bool is_finished = false;
};

}  // namespace roost::cluster::peer
