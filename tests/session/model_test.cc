// SPDX-License-Identifier: Apache-2.0
// Random clients by seed against a simple oracle. Subscribers with sessions that stay come and go,
// publishers send numbered messages and repeat what wasn't acknowledged; cores take their turns in
// random order. In the end: QoS 1 at least once, QoS 2 exactly once, QoS 0 at most once, in the
// order of each publisher and topic, and all gauges at nothing.
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using mqtt::PacketType;

constexpr int kTopics = 4;

std::string topic_of(int number) { return "t/" + std::to_string(number); }

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int below(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  mqtt::Qos qos() { return static_cast<mqtt::Qos>(below(3)); }

 private:
  std::mt19937 engine_;
};

// "publisher:qos:number"
struct Seen {
  std::string publisher;
  int qos = 0, number = 0;
};

Seen seen_of(std::string_view payload) {
  const auto first = payload.find(':'), second = payload.rfind(':');
  Seen seen;
  seen.publisher = payload.substr(0, first);
  seen.qos = payload[first + 1] - '0';
  seen.number = std::stoi(std::string(payload.substr(second + 1)));
  return seen;
}

// Sends one message after the other and each until it is acknowledged to the end.
class Publisher {
 public:
  Publisher(support::Broker& broker, const std::string& id, Random& random)
      : random_(random), client_(broker, id, hello()) {
    client_.manual = true;
  }

  static Hello hello() { return Hello().resume().expiry(100'000); }

  void act() {
    if (random_.chance(4)) {
      reconnect();
    } else if (!open_.empty()) {
      read();
    } else {
      send_next();
    }
  }
  void reconnect() {
    client_.vanish();
    client_.connect(hello());
    if (open_.empty()) return;
    if (released_) {
      client_.pubrel(kId);
    } else {
      send(true);
    }
  }
  void read() {
    for (const std::string& line : client_.got()) {
      if (line == "PUBREC 1") {
        released_ = true;
        client_.pubrel(kId);
      } else if (line.starts_with("PUBACK 1") || line.starts_with("PUBCOMP 1")) {
        open_.clear();
      }
    }
  }
  bool is_done() const { return open_.empty(); }
  int sent(int topic, int qos) const {
    const auto at = numbers_.find({topic, qos});
    return at == numbers_.end() ? 0 : at->second;
  }
  const std::string& id() const { return client_.id(); }

 private:
  static constexpr mqtt::PacketId kId = 1;

  void send_next() {
    topic_ = random_.below(kTopics);
    qos_ = random_.qos();
    const int number = ++numbers_[{topic_, static_cast<int>(qos_)}];
    payload_ =
        client_.id() + ':' + std::to_string(static_cast<int>(qos_)) + ':' + std::to_string(number);
    released_ = false;
    if (qos_ != kQos0) open_ = payload_;
    send(false);
  }
  void send(bool dup) {
    const std::string topic = topic_of(topic_);
    Pub publish(topic, payload_, qos_);
    publish.dup = dup;
    if (qos_ != kQos0) publish.packet_id = kId;
    client_.publish(publish);
  }

  Random& random_;
  Client client_;
  std::map<std::pair<int, int>, int> numbers_;  // topic, QoS -> the last one
  std::string payload_, open_;
  mqtt::Qos qos_ = kQos0;
  int topic_ = 0;
  bool released_ = false;
};

// Has all topics at QoS 2 from the beginning; acknowledges late, comes and goes.
class Subscriber {
 public:
  Subscriber(support::Broker& broker, const std::string& id, Random& random)
      : random_(random), client_(broker, id, hello()) {
    client_.subscribe({Sub("t/+", kQos2), Sub("t/1", kQos0), Sub("#", kQos1)});
    client_.take();
    client_.manual = true;
  }

  void act() {
    const int dice = random_.below(100);
    if (!client_.is_connected()) {
      if (dice < 30) come();
    } else if (dice < 5) {
      read();
      client_.vanish();
      waiting_.clear();
    } else if (dice < 8) {
      client_.stop_reading(static_cast<std::size_t>(random_.below(4)));
    } else if (dice < 20) {
      client_.read_on();
    } else {
      read();
      answer(random_.below(4));
    }
  }
  void come() {
    client_.connect(hello().receive_max(static_cast<std::uint16_t>(1 + random_.below(20))));
  }
  // Reads and acknowledges all there is; true: there was nothing.
  bool finish() {
    if (!client_.is_connected()) come();
    client_.read_on();
    read();
    if (waiting_.empty()) return true;
    answer(1000);
    return false;
  }
  void check(const std::vector<std::unique_ptr<Publisher>>& publishers) {
    for (const auto& publisher : publishers) {
      for (int topic = 0; topic < kTopics; ++topic) {
        for (int qos = 0; qos < 3; ++qos) check(*publisher, topic, qos);
      }
    }
    EXPECT_EQ(out_of_order_, 0);
  }

 private:
  Hello hello() { return Hello().resume().expiry(100'000); }

  void read() {
    for (const mqtt::Packet& packet : client_.take()) {
      if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
        take(*publish);
      } else if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) {
        if (ack->type != PacketType::pubrel) continue;
        known_.erase(ack->packet_id);
        waiting_.emplace_back(PacketType::pubcomp, ack->packet_id);
      }
    }
  }
  void take(const mqtt::Publish& publish) {
    if (publish.qos == kQos2) {
      waiting_.emplace_back(PacketType::pubrec, publish.packet_id);
      if (!known_.insert(publish.packet_id).second) return;
    } else if (publish.qos == kQos1) {
      waiting_.emplace_back(PacketType::puback, publish.packet_id);
    }
    const Seen seen = seen_of(as_text(publish.payload));
    const auto key = std::tuple(seen.publisher, std::string(publish.topic), seen.qos);
    ++counts_[key][seen.number];
    int& last = last_[key];
    if (publish.dup) return;  // sent before: in order among the others sent again
    if (seen.qos == 2 && seen.number <= last) ++out_of_order_;
    last = std::max(last, seen.number);
  }
  void answer(int count) {
    for (; count > 0 && !waiting_.empty() && client_.is_connected(); --count) {
      const auto [type, id] = waiting_.front();
      waiting_.erase(waiting_.begin());
      client_.ack(type, id);
    }
  }
  void check(const Publisher& publisher, int topic, int qos) {
    const auto& got = counts_[{publisher.id(), topic_of(topic), qos}];
    const std::string where = publisher.id() + ' ' + topic_of(topic) + " q" + std::to_string(qos);
    for (int number = 1; number <= publisher.sent(topic, qos); ++number) {
      const auto at = got.find(number);
      const int count = at == got.end() ? 0 : at->second;
      const bool kept = (qos == 1 || count <= 1) && (qos == 0 || count >= 1);
      EXPECT_TRUE(kept) << where << ' ' << number << " came " << count << " times";
    }
  }

  Random& random_;
  Client client_;
  std::vector<std::pair<PacketType, mqtt::PacketId>> waiting_;  // acks to send
  std::set<mqtt::PacketId> known_;                              // QoS 2 before PUBREL
  std::map<std::tuple<std::string, std::string, int>, std::map<int, int>> counts_;
  std::map<std::tuple<std::string, std::string, int>, int> last_;
  int out_of_order_ = 0;
};

class Model : public testing::TestWithParam<unsigned> {};

TEST_P(Model, KeepsThePromisesOfEveryQos) {
  Random random(GetParam());
  support::Broker broker(static_cast<std::uint16_t>(1 + random.below(4)));
  broker.limits().max_inflight = static_cast<std::uint16_t>(1 + random.below(30));
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  std::vector<std::unique_ptr<Publisher>> publishers;
  for (int i = 0; i < 4; ++i) {
    subscribers.push_back(std::make_unique<Subscriber>(broker, "sub" + std::to_string(i), random));
    publishers.push_back(std::make_unique<Publisher>(broker, "pub" + std::to_string(i), random));
  }
  for (int step = 0; step < 3000; ++step) {
    const auto who = static_cast<std::size_t>(random.below(4));
    random.chance(50) ? subscribers[who]->act() : publishers[who]->act();
    const auto core = static_cast<std::uint16_t>(random.below(broker.size()));
    if (random.chance(50)) broker.step(CoreId{core});
  }
  for (bool busy = true; busy;) {
    busy = false;
    broker.settle();
    for (auto& publisher : publishers) {
      publisher->read();
      busy = busy || !publisher->is_done();
    }
    broker.settle();
    for (auto& subscriber : subscribers) busy = !subscriber->finish() || busy;
  }
  int sent = 0;
  for (auto& publisher : publishers) {
    for (int topic = 0; topic < kTopics; ++topic) {
      for (int qos = 0; qos < 3; ++qos) sent += publisher->sent(topic, qos);
    }
  }
  EXPECT_GT(sent, 200);  // or the model tests nothing
  for (auto& subscriber : subscribers) subscriber->check(publishers);
  EXPECT_EQ(broker.sum(&SessionCounters::queued), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::in_flight), 0U);
  subscribers.clear();
  publishers.clear();
  broker.advance_s(100'001);
  EXPECT_EQ(broker.sum(&SessionCounters::sessions_durable), 0U);
  EXPECT_EQ(broker.sum(&SessionCounters::subscriptions), 0U);
  for (int topic = 0; topic < kTopics; ++topic) {
    EXPECT_EQ(broker.bits_of_interest(topic_of(topic)), 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, testing::Range(1U, 41U));

}  // namespace
}  // namespace roost::session
