// SPDX-License-Identifier: Apache-2.0
// Messages across the cores of a real server, by clients that each have a thread; for
// ThreadSanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/running_server.h"
#include "tests/support/raw_client.h"

namespace roost::server {
namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using support::Delivery;
using support::RawClient;

constexpr auto kQos0 = Qos::at_most_once;
constexpr auto kQos1 = Qos::at_least_once;
constexpr auto kQos2 = Qos::exactly_once;

std::string name(std::string_view what, int number) {
  return std::string(what) + std::to_string(number);
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::to_string(i));
  return all;
}

// Threads that are joined at the end of the scope.
class Crew {
 public:
  ~Crew() { join(); }
  template <typename Work>
  void add(Work work) {
    threads_.emplace_back(std::move(work));
  }
  void join() {
    for (std::thread& each : threads_) each.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

mqtt::Connect persistent(const RawClient& client) {
  mqtt::Connect connect = client.hello();
  connect.clean_start = false;
  connect.properties.session_expiry_interval_s = 300;
  connect.properties.mark(mqtt::PropertyId::session_expiry_interval);
  return connect;
}

void publish_numbers(RawClient& client, const std::string& topic, int count, Qos qos) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(client.publish(topic, std::to_string(i), qos)) << topic << " " << i;
  }
  ASSERT_TRUE(client.settle()) << topic;
}

void pairs(Qos qos) {
  constexpr int kPairs = 6;
  constexpr int kMessages = 500;
  RunningServer running;
  RawClient all("all");
  ASSERT_TRUE(all.connect(running.port()));
  ASSERT_EQ(all.subscribe("pairs/+", qos), static_cast<ReasonCode>(qos));
  Crew crew;
  std::atomic<int> ready{0};
  for (int i = 0; i < kPairs; ++i) {
    crew.add([&running, &ready, i, qos] {
      RawClient subscriber(name("subscriber", i));
      ASSERT_TRUE(subscriber.connect(running.port()));
      ASSERT_FALSE(mqtt::is_error(subscriber.subscribe(name("pairs/", i), qos)));
      ++ready;
      ASSERT_TRUE(subscriber.wait_for(kMessages));
      ASSERT_TRUE(subscriber.ping());
      EXPECT_EQ(payloads_of(subscriber, name("pairs/", i)), numbers(kMessages));
    });
    crew.add([&running, &ready, i, qos] {
      RawClient publisher(name("publisher", i));
      ASSERT_TRUE(publisher.connect(running.port()));
      while (ready < kPairs) std::this_thread::yield();
      publish_numbers(publisher, name("pairs/", i), kMessages, qos);
    });
  }
  ASSERT_TRUE(all.wait_for(kPairs * kMessages));
  ASSERT_TRUE(all.ping());
  for (int i = 0; i < kPairs; ++i) {
    EXPECT_EQ(payloads_of(all, name("pairs/", i)), numbers(kMessages)) << i;
  }
}

TEST(ManyCores, DeliverEveryMessageInOrderAtQos0) { pairs(kQos0); }
TEST(ManyCores, DeliverEveryMessageInOrderAtQos1) { pairs(kQos1); }
TEST(ManyCores, DeliverEveryMessageExactlyOnceAtQos2) { pairs(kQos2); }

// Reads, and every now and then loses its connection and comes back.
void read_with_breaks(const RunningServer& running, RawClient& client, int count) {
  std::set<std::string> seen;
  for (std::size_t looked = 0; seen.size() < static_cast<std::size_t>(count);) {
    ASSERT_TRUE(client.step()) << seen.size();
    for (; looked < client.deliveries().size(); ++looked) {
      const Delivery& each = client.deliveries()[looked];
      seen.insert(each.topic + each.payload);
      if (looked % 37 != 36) continue;
      looked % 2 == 0 ? client.drop() : client.reset();
      ASSERT_TRUE(client.connect(running.port(), persistent(client)));
      ASSERT_TRUE(client.session_present());
    }
  }
}

// Publishes, and every now and then loses its connection and sends the rest again.
void publish_with_breaks(const RunningServer& running, RawClient& client, const std::string& topic,
                         int count, Qos qos) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(client.publish(topic, std::to_string(i), qos)) << topic << " " << i;
    if (i % 41 != 40) continue;
    i % 2 == 0 ? client.drop() : client.reset();
    ASSERT_TRUE(client.connect(running.port(), persistent(client)));
    ASSERT_TRUE(client.session_present());
  }
  ASSERT_TRUE(client.settle()) << topic;
}

void come_and_go(Qos qos) {
  constexpr int kPairs = 3;
  constexpr int kMessages = 1000;
  RunningServer running;
  Crew crew;
  std::atomic<int> ready{0};
  for (int i = 0; i < kPairs; ++i) {
    const std::string topic = name("roaming/", i);
    crew.add([&running, &ready, topic, i, qos] {
      RawClient subscriber(name("sleeper", i));
      ASSERT_TRUE(subscriber.connect(running.port(), persistent(subscriber)));
      ASSERT_FALSE(subscriber.session_present());
      ASSERT_FALSE(mqtt::is_error(subscriber.subscribe(topic, qos)));
      ++ready;
      read_with_breaks(running, subscriber, kMessages);
      ASSERT_TRUE(subscriber.ping());
      std::vector<std::string> got = payloads_of(subscriber, topic);
      if (qos == kQos1) {  // repeats are allowed, and only of what was under way
        std::set<std::string> seen;
        std::erase_if(got, [&seen](const std::string& each) { return !seen.insert(each).second; });
      }
      EXPECT_EQ(got, numbers(kMessages));
    });
    crew.add([&running, &ready, topic, i, qos] {
      RawClient publisher(name("roamer", i));
      ASSERT_TRUE(publisher.connect(running.port(), persistent(publisher)));
      while (ready < kPairs) std::this_thread::yield();
      publish_with_breaks(running, publisher, topic, kMessages, qos);
    });
  }
}

TEST(ManyCores, LoseNothingWhenPersistentSessionsComeAndGo) { come_and_go(kQos1); }
TEST(ManyCores, StayExactlyOnceWhenPersistentSessionsComeAndGo) { come_and_go(kQos2); }

// Joins, takes a few messages, leaves in one of four ways, again and again.
void visit_group(const RunningServer& running, int member, const std::atomic<bool>& over,
                 std::vector<Delivery>& got) {
  for (int visit = 0; !over; ++visit) {
    RawClient client(name("visitor", member));
    ASSERT_TRUE(client.connect(running.port()));
    ASSERT_FALSE(mqtt::is_error(client.subscribe("$share/crew/jobs/+", kQos1)));
    const std::size_t enough = 1 + static_cast<std::size_t>(visit) % 7;
    while (client.deliveries().size() < enough && client.step(20)) {
    }
    if (visit % 4 == 0) {
      ASSERT_TRUE(client.unsubscribe("$share/crew/jobs/+"));
      ASSERT_TRUE(client.ping());
    }
    if (visit % 4 == 1) client.drop();
    if (visit % 4 == 2) client.reset();
    client.disconnect();
    got.insert(got.end(), client.deliveries().begin(), client.deliveries().end());
  }
}

TEST(ManyCores, GiveEveryMessageToSomebodyOfAGroupThatComesAndGoes) {
  constexpr int kMembers = 4;
  constexpr int kPublishers = 3;
  constexpr int kMessages = 800;
  RunningServer running;
  RawClient stays("stays");
  ASSERT_TRUE(stays.connect(running.port()));
  ASSERT_FALSE(mqtt::is_error(stays.subscribe("$share/crew/jobs/+", kQos1)));
  std::atomic<bool> over{false};
  std::atomic<int> publishing{kPublishers};
  std::vector<std::vector<Delivery>> got(kMembers);
  Crew members;
  Crew publishers;
  for (int i = 0; i < kMembers; ++i) {
    members.add([&, i] { visit_group(running, i, over, got[static_cast<std::size_t>(i)]); });
  }
  for (int i = 0; i < kPublishers; ++i) {
    publishers.add([&, i] {
      RawClient publisher(name("giver", i));
      ASSERT_TRUE(publisher.connect(running.port()));
      publish_numbers(publisher, name("jobs/", i), kMessages, kQos1);
      --publishing;
    });
  }
  while (publishing > 0 && stays.step(50)) {
  }
  while (publishing > 0) stays.step(50);
  publishers.join();
  over = true;
  members.join();
  std::set<std::string> seen;
  for (const auto& each : got) {
    for (const Delivery& one : each) seen.insert(one.topic + ":" + one.payload);
  }
  std::size_t looked = 0;
  const auto look = [&] {
    for (; looked < stays.deliveries().size(); ++looked) {
      seen.insert(stays.deliveries()[looked].topic + ":" + stays.deliveries()[looked].payload);
    }
    return seen.size();
  };
  while (look() < kPublishers * kMessages && stays.step(5000)) {
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kPublishers * kMessages));
}

using Values = std::map<std::string, std::string>;

Values last_values(const RawClient& client) {
  Values values;
  for (const Delivery& each : client.deliveries()) values[each.topic] = each.payload;
  return values;
}

// Subscribes again and again, from new sessions, until publishing is over; keeps the last one.
void watch_states(const RunningServer& running, int watcher, const std::atomic<int>& publishing,
                  Values& values) {
  for (;;) {
    const bool last = publishing == 0;
    RawClient client(name("watcher", watcher));
    ASSERT_TRUE(client.connect(running.port()));
    ASSERT_FALSE(mqtt::is_error(client.subscribe("state/#", watcher % 2 == 0 ? kQos1 : kQos0)));
    // While it lasts this one sees both kept and live messages.
    while (publishing > 0 && client.deliveries().size() < 150) client.step(20);
    if (publishing == 0) {
      while (client.step(300)) {
      }
      values = last_values(client);
    }
    if (last) return;
    EXPECT_TRUE(publishing > 0 || values == last_values(client));
    if (publishing == 0) return;
  }
}

TEST(ManyCores, LeaveEverySubscriberWithTheRetainedValue) {
  constexpr int kPublishers = 3;
  constexpr int kTopics = 4;  // each publisher's own
  constexpr int kRounds = 250;
  constexpr int kWatchers = 4;
  RunningServer running;
  std::atomic<int> publishing{kPublishers};
  std::vector<Values> values(kWatchers);
  Crew crew;
  for (int i = 0; i < kWatchers; ++i) {
    crew.add([&, i] { watch_states(running, i, publishing, values[static_cast<std::size_t>(i)]); });
  }
  for (int i = 0; i < kPublishers; ++i) {
    crew.add([&, i] {
      RawClient publisher(name("source", i));
      ASSERT_TRUE(publisher.connect(running.port()));
      for (int n = 0; n < kRounds * kTopics; ++n) {
        const std::string topic = name("state/", i) + name("/", n % kTopics);
        ASSERT_TRUE(publisher.publish(topic, std::to_string(n), kQos1, /*retain=*/true));
      }
      ASSERT_TRUE(publisher.settle());
      --publishing;
    });
  }
  crew.join();
  RawClient late("late");
  ASSERT_TRUE(late.connect(running.port()));
  ASSERT_FALSE(mqtt::is_error(late.subscribe("state/#", kQos1)));
  ASSERT_TRUE(late.wait_for(kPublishers * kTopics));
  const Values kept = last_values(late);
  EXPECT_EQ(kept.size(), static_cast<std::size_t>(kPublishers * kTopics));
  for (const auto& [topic, value] : kept) EXPECT_GE(std::stoi(value), (kRounds - 1) * kTopics);
  for (int i = 0; i < kWatchers; ++i) {
    EXPECT_EQ(values[static_cast<std::size_t>(i)], kept) << "watcher " << i;
  }
}

}  // namespace
}  // namespace roost::server
