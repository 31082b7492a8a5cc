// SPDX-License-Identifier: Apache-2.0
// One log, applied from different beginnings, comes to the same state, byte by byte: what replicas
// and recovery rely on. Random clients by seed; checkpoints wherever the seed has them. Without
// share groups: what an ended member leaves behind is handed on by the leader, from wherever it
// stands.
#include <memory>
#include <random>

#include "tests/session/chapter.h"

namespace roost::session {
namespace {

using support::Remains;

class Life {
 public:
  explicit Life(unsigned seed) : random_(seed) {
    for (int i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<Client>(broker_, "client" + std::to_string(i)));
    }
  }

  // `now_and_then` is called with the broker.
  template <typename Visit>
  void live(int steps, Visit now_and_then) {
    for (int i = 0; i < steps; ++i) {
      Client& client = *clients_[below(kClients)];
      if (!client.is_connected()) {
        client.connect(hello());
      } else {
        act(client);
      }
      if (below(10) == 0) broker_.advance_ms(below(40'000));
      if (below(60) == 0) now_and_then(broker_);
    }
    broker_.advance_s(11);  // all shards' logs say what time it is
  }
  support::Broker& broker() { return broker_; }

 private:
  static constexpr int kClients = 6;

  static Remains with_whole_log() {
    Remains remains;
    remains.keeps_log = true;
    return remains;
  }

  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  std::string topic() { return "t/" + std::to_string(below(3)); }
  mqtt::Qos qos() { return static_cast<mqtt::Qos>(below(3)); }

  Hello hello() {
    Hello hello;
    if (below(5) > 0) hello.resume();
    if (below(5) > 0) hello.expiry(static_cast<std::uint32_t>(50 + below(1000)));
    hello.receive_max(static_cast<std::uint16_t>(1 + below(5)));
    if (below(2) > 0) hello.last_words("t/0", "will").will_qos(qos());
    if (hello.will && below(2) > 0) hello.will_delay(30);
    return hello;
  }
  void act(Client& client) {
    switch (below(9)) {
      case 0:
        client.vanish();
        break;
      case 1:
        client.disconnect();
        break;
      case 2: {
        const std::string filter = below(2) == 0 ? "t/+" : topic();
        client.subscribe(Sub(filter, qos()));
        break;
      }
      case 3:
        client.unsubscribe({"t/+"});
        break;
      case 4:
        client.finish_all();
        break;
      default:
        publish(client);
        break;
    }
  }
  void publish(Client& client) {
    const std::string to = topic(), text = std::to_string(++number_);
    Pub pub(to, below(8) == 0 ? std::string_view() : std::string_view(text), qos());
    if (below(3) == 0) pub.retained();
    if (!pub.retain && below(4) == 0) pub.expiry(static_cast<std::uint32_t>(1 + below(60)));
    client.publish(pub);
    if (below(2) == 0) client.finish_all();
  }

  std::mt19937 random_;
  support::Broker broker_{3, with_whole_log(), ManualClock()};
  std::vector<std::unique_ptr<Client>> clients_;
  int number_ = 0;
};

// What a broker that begins on `remains` comes to, on disk.
Remains began_on(Remains remains, const ManualClock& clock) {
  support::Broker next(3, std::move(remains), clock);
  next.checkpoint();
  return next.crash();
}

class Determinism : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, Determinism, testing::Range(1U, 101U));

TEST_P(Determinism, StateAndLogComeToWhatTheWholeLogComesTo) {
  Life life(GetParam());
  int checkpoints = 0;
  life.live(400, [&](support::Broker& broker) {
    broker.checkpoint();
    ++checkpoints;
  });
  ASSERT_GT(checkpoints, 0);
  const Remains whole = life.broker().crash();
  Remains log_only = whole;
  for (auto& [id, shard] : log_only.shards) {
    shard.state.clear();
    shard.applied = 0;
  }

  const Remains one = began_on(whole, life.broker().clock());
  const Remains two = began_on(log_only, life.broker().clock());
  ASSERT_EQ(one.shards.size(), two.shards.size());
  std::size_t values = 0;
  for (const auto& [id, shard] : one.shards) {
    const Remains::Shard& other = two.shards.at(id);
    EXPECT_EQ(shard.last, other.last) << "shard " << id;
    values += shard.state.size();
    for (const auto& [key, value] : shard.state) {
      const auto at = other.state.find(key);
      if (at == other.state.end()) {
        ADD_FAILURE() << "shard " << id << ": only with the state: " << testing::PrintToString(key);
      } else {
        EXPECT_EQ(value, at->second) << "shard " << id << ' ' << testing::PrintToString(key);
      }
    }
    for (const auto& [key, value] : other.state) {
      EXPECT_TRUE(shard.state.contains(key))
          << "shard " << id << ": only from the log: " << testing::PrintToString(key);
    }
  }
  EXPECT_GT(values, 10U);
}

}  // namespace
}  // namespace roost::session
