// SPDX-License-Identifier: Apache-2.0
// Sessions whose clients sleep: what one costs, and that what waits for it stays on disk until
// somebody reads.
#include <memory>
#include <string>
#include <utility>
#include <variant>

#ifndef __SANITIZE_ADDRESS__
#include <malloc.h>
#endif

#include "broker/session/state_key.h"
#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using support::Remains;

Hello sleeping() { return Hello().resume().expiry(3600); }

std::string id_of(int number) { return "device-" + std::to_string(1'000'000 + number); }

// What a broker leaves on disk that `count` such clients slept at; each has a filter.
Remains sleepers(int count, std::string_view shared_filter = {}) {
  support::Broker broker;
  for (int number = 0; number < count; ++number) {
    Client device(broker, id_of(number), sleeping());
    const std::string own = "dev/" + id_of(number) + "/set";
    device.subscribe(Sub(shared_filter.empty() ? own : shared_filter, kQos1));
    device.disconnect();
  }
  broker.checkpoint();
  return broker.crash();
}

#ifndef __SANITIZE_ADDRESS__  // its heap has no mallinfo2
std::size_t heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// What the broker takes beside what its disk holds.
std::size_t bytes_of(int count) {
  Remains remains = sleepers(count);
  const ManualClock clock;
  const std::size_t before = heap_bytes();
  const support::Broker broker(1, std::move(remains), clock);
  return heap_bytes() - before;
}

TEST(Sleeping, SessionWithOneExactFilterTakesLessThan400Bytes) {
  constexpr int kFew = 10'000, kMany = 20'000;
  const double each = static_cast<double>(bytes_of(kMany) - bytes_of(kFew)) / (kMany - kFew);
  RecordProperty("bytes_per_session", std::to_string(each));
  EXPECT_LT(each, 400);
  EXPECT_GT(each, sizeof(StoredSession));  // or it wasn't seen
}
#endif

class Waiting : public testing::Test {
 protected:
  static constexpr int kMessages = 20'000;

  // Messages wait on disk; a broker began anew on it.
  void SetUp() override {
    support::Broker before;
    Client(before, "lamp", sleeping()).subscribe(Sub("lamp/set", kQos1));
    Client source(before, "source", Hello());
    for (int i = 0; i < kMessages; ++i) source.publish(Pub("lamp/set", "x", kQos1));
    source.disconnect();
    before.checkpoint();
    const ManualClock clock = before.clock();
    broker = std::make_unique<support::Broker>(1, before.crash(), clock);
  }
  // Acknowledges up to `last`; each makes room for one more.
  void take(Client& lamp, mqtt::PacketId last) {
    for (; next <= last; ++next) {
      lamp.puback(next);
      ASSERT_EQ(lamp.take().size(), 1U);
    }
  }
  std::size_t read() { return broker->disk_of("lamp").values_read(); }

  std::unique_ptr<support::Broker> broker;
  mqtt::PacketId next = 1;  // to acknowledge
};

TEST_F(Waiting, StaysOnDiskUntilAttached) {
  EXPECT_EQ(broker->queued("lamp"), std::size_t{kMessages});
  EXPECT_TRUE(broker->stored("lamp")->fresh.empty());
  Client other(*broker, "other", sleeping());
  other.publish(Pub("lamp/set", "one more", kQos1));
  EXPECT_EQ(broker->stored("lamp")->fresh.size(), 1U);
  EXPECT_EQ(read(), 0U);
}

// A page is 1 024 messages, and the next is read when fewer than 512 wait.
TEST_F(Waiting, IsReadInPagesAsTheClientTakesIt) {
  constexpr std::size_t kPage = 1025;  // and a look at the one behind it
  Client lamp(*broker, "lamp");
  lamp.connect(sleeping().receive_max(10));
  EXPECT_EQ(lamp.take().size(), 1U + 10);
  EXPECT_EQ(read(), kPage);
  broker->settle();
  EXPECT_EQ(read(), kPage) << "it read on though nobody took anything";
  take(lamp, 500);
  EXPECT_EQ(read(), kPage);
  take(lamp, 520);
  EXPECT_EQ(read(), 2 * kPage);
  for (; next <= 530; ++next) lamp.puback(next);
  EXPECT_EQ(lamp.finish_all().size(), std::size_t{kMessages - 530});
}

// The body: once a shard. A session: an entry that points at it.
TEST(Sleeping, OneMessageToManyIsStoredOnceAShard) {
  constexpr int kSessions = 2'000;
  constexpr std::size_t kBody = 10'000, kEntryMax = 100;
  const Remains empty = sleepers(kSessions, "all/set");
  support::Broker broker(1, empty, ManualClock());
  {
    Client source(broker, "source", Hello());
    source.publish(Pub("all/set", std::string(kBody, 'x'), kQos1));
    EXPECT_THAT(source.got(), ElementsAre("PUBACK 1"));
    source.disconnect();
  }
  for (int number = 0; number < kSessions; ++number) {
    ASSERT_EQ(broker.queued(id_of(number)), 1U);
  }
  const Remains logged = broker.crash();
  broker.checkpoint();
  const Remains stored = broker.crash();
  std::size_t bodies = 0, entries = 0, entry_bytes = 0, log_bytes = 0;
  for (const auto& [id, shard] : logged.shards) {
    for (const auto& [index, record] : shard.log) log_bytes += record.size();
  }
  for (const auto& [id, shard] : stored.shards) {
    for (const auto& [key, value] : shard.state) {
      bodies += value.size() >= kBody;
      const auto parsed = parse_state_key(key);
      if (!parsed || parsed->kind != StateKind::entry) continue;
      ++entries;
      entry_bytes += key.size() + value.size();
    }
  }
  const std::size_t shards = stored.shards.size();
  EXPECT_EQ(entries, std::size_t{kSessions});
  EXPECT_LE(bodies, shards);
  EXPECT_LT(log_bytes, shards * (kBody + 200));
  EXPECT_LT(entry_bytes, kSessions * kEntryMax);
}

}  // namespace
}  // namespace roost::session
