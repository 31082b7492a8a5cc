// SPDX-License-Identifier: Apache-2.0
#include "broker/net/ticket_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace roost::net {
namespace {

const std::string kSecret(32, 's');

TEST(TicketKeys, NodesWithOneSecretHaveTheSameKeys) {
  ManualClock clock;
  TicketKeys one(clock);
  TicketKeys other(clock);
  EXPECT_FALSE(one.find(other.current().name));
  ASSERT_TRUE(one.use(as_bytes(kSecret)));
  ASSERT_TRUE(other.use(as_bytes(kSecret)));
  const auto found = one.find(other.current().name);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_current);
  EXPECT_EQ(found->key.cipher, other.current().cipher);
  EXPECT_EQ(found->key.mac, other.current().mac);
  EXPECT_NE(found->key.mac, found->key.cipher);
}

TEST(TicketKeys, AreNewEveryPeriodAndGoodForOneMore) {
  ManualClock clock;
  const TicketKeys keys(clock);
  const TicketKey first = keys.current();
  clock.advance_ms(TicketKeys::kPeriodMs);
  EXPECT_NE(keys.current().name, first.name);
  EXPECT_NE(keys.current().cipher, first.cipher);
  const auto found = keys.find(first.name);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->is_current);
  EXPECT_EQ(found->key.cipher, first.cipher);
  clock.advance_ms(TicketKeys::kPeriodMs);
  EXPECT_FALSE(keys.find(first.name));
}

TEST(TicketKeys, TakeTicketsOfANodeWhoseClockIsAhead) {
  ManualClock clock;
  ManualClock ahead;
  ahead.advance_ms(TicketKeys::kPeriodMs);
  TicketKeys here(clock);
  TicketKeys there(ahead);
  ASSERT_TRUE(here.use(as_bytes(kSecret)));
  ASSERT_TRUE(there.use(as_bytes(kSecret)));
  const auto found = here.find(there.current().name);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->is_current);
}

TEST(TicketKeys, RefuseAShortSecret) {
  ManualClock clock;
  TicketKeys keys(clock);
  const TicketKey before = keys.current();
  EXPECT_FALSE(keys.use(as_bytes(kSecret).first(31)));
  EXPECT_EQ(keys.current().name, before.name);
}

}  // namespace
}  // namespace roost::net
