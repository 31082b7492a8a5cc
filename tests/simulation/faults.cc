// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/faults.h"

#include <algorithm>
#include <utility>

namespace roost::simulation {
namespace {

constexpr std::int64_t kMs = 1'000;
constexpr std::int64_t kSecond = 1'000'000;

}  // namespace

const std::vector<Faults::Kind>& Faults::kinds() {
  static const std::vector<Kind> kKinds = {
      {"crash", &Faults::crash},
      {"crash_at_output", &Faults::crash_at_output},
      {"crash_all", &Faults::crash_all},
      {"pause", &Faults::pause},
      {"lose_disk", &Faults::lose_disk},
      {"damage_disk", &Faults::damage_disk},
      {"fail_sync", &Faults::fail_sync},
      {"hang_disk", &Faults::hang_disk},
      {"slow_disk", &Faults::slow_disk},
      {"split_node", &Faults::split_node},
      {"split_one_way", &Faults::split_one_way},
      {"split_in_two", &Faults::split_in_two},
      {"split_from_coordinator", &Faults::split_from_coordinator},
      {"coordinator_away", &Faults::coordinator_away},
      {"late_txns", &Faults::late_txns},
      {"cut_joiner", &Faults::cut_joiner},
      {"late_grow", &Faults::late_grow},
      {"compact", &Faults::compact},
      {"bad_weather", &Faults::bad_weather},
      {"resign", &Faults::resign},
      {"move_leader", &Faults::move_leader},
      {"drain", &Faults::drain},
  };
  return kKinds;
}

Faults::Faults(Cluster& cluster, Random random)
    : cluster_(cluster), random_(random), interval_us_max_(random_.between(200, 4000) * kMs) {
  for (const Kind& kind : kinds()) {
    if (random_.one_in(2)) {
      mine_.push_back(kind);
    }
  }
  usual_.delay_us_max = random_.between(200, 5000);
  usual_.lost_permille = random_.one_in(2) ? random_.below(50) : 0;
  usual_.late_permille = random_.one_in(2) ? random_.below(50) : 0;
  usual_.late_us_max = random_.between(10, 2000) * kMs;
  usual_.doubled_permille = random_.one_in(2) ? random_.below(50) : 0;
}

std::string Faults::describe() const {
  std::string text;
  for (const Kind& kind : mine_) {
    text += std::string(text.empty() ? "" : " ") + kind.name;
  }
  return text;
}

void Faults::start() {
  cluster_.network().set_weather(usual_);
  cluster_.on_died([this](NodeIndex node) { restart_later(node); });
  if (!mine_.empty()) {
    strike_later();
  }
}

void Faults::strike_later() {
  cluster_.queue().after(random_.between(1, interval_us_max_), [this] {
    if (is_healed_) {
      return;
    }
    if (cluster_.queue().now_us() >= quiet_until_us_) {
      const Kind& kind = mine_[random_.below(mine_.size())];
      (this->*kind.strike)();
    }
    strike_later();
  });
}

void Faults::heal() {
  is_healed_ = true;
  cluster_.trace().say("faults", [] { return std::string("all is healed"); });
  cluster_.network().mend_all();
  cluster_.network().set_weather(Weather{});
  cluster_.coordinator().set_away(false);
  cluster_.set_trips({});
  for (NodeIndex i = 0; i < cluster_.size(); ++i) {
    cluster_.disk(i).set_delay(100, 1000);
    cluster_.disk(i).go_on();
    cluster_.go_on(i);
    cluster_.start(i);
  }
}

NodeIndex Faults::some_leader() {
  const ShardId shard{static_cast<std::uint16_t>(random_.below(cluster_.shards()))};
  return cluster_.leader(shard).value_or(any_node());
}

NodeIndex Faults::victim() { return random_.one_in(2) ? some_leader() : any_node(); }

void Faults::later(std::int64_t min_us, std::int64_t max_us, std::function<void()> undo) {
  cluster_.queue().after(random_.between(min_us, max_us), [this, undo = std::move(undo)] {
    if (!is_healed_) {
      undo();
    }
  });
}

void Faults::restart_later(NodeIndex node) {
  const std::int64_t delay_us = is_healed_ || random_.one_in(2)
                                    ? random_.between(1, 100 * kMs)
                                    : random_.between(100 * kMs, 10 * kSecond);
  cluster_.queue().after(delay_us, [this, node] { cluster_.start(node); });
}

void Faults::crash() {
  cluster_.counters().add("fault_crash");
  cluster_.crash(victim(), "crashes");
}

void Faults::crash_at_output() {
  if (Host* host = cluster_.host(victim())) {
    cluster_.counters().add("fault_crash_at_output");
    host->die_after(random_.below(40));
  }
}

void Faults::crash_all() {
  cluster_.counters().add("fault_crash_all");
  for (NodeIndex i = 0; i < cluster_.size(); ++i) {
    cluster_.crash(i, "loses its power, as all do");
  }
}

void Faults::pause() {
  const NodeIndex node = victim();
  cluster_.counters().add("fault_pause");
  cluster_.pause(node);
  const bool is_long = random_.one_in(4);
  later(10 * kMs, is_long ? 30 * kSecond : 2 * kSecond, [this, node] { cluster_.go_on(node); });
}

void Faults::lose_disk() {
  const NodeIndex node = victim();
  if (cluster_.is_up(node) && cluster_.can_lose(node)) {
    cluster_.counters().add("fault_lose_disk");
    cluster_.crash(node, "is lost with its disk");
    cluster_.disk(node).lose();
  }
}

void Faults::damage_disk() {
  const NodeIndex node = victim();
  if (cluster_.is_up(node) && cluster_.can_lose(node)) {
    cluster_.counters().add("fault_damage_disk");
    cluster_.crash(node, "crashes, and its disk is damaged");
    cluster_.disk(node).damage();
  }
}

void Faults::fail_sync() {
  const NodeIndex node = victim();
  cluster_.disk(node).fail_next_sync([this, node] {
    const bool may = !is_healed_ && cluster_.is_up(node) && cluster_.can_lose(node);
    cluster_.counters().add("fault_fail_sync", may ? 1 : 0);
    return may;
  });
}

void Faults::hang_disk() {
  const NodeIndex node = victim();
  cluster_.counters().add("fault_hang_disk");
  cluster_.trace().say("faults", [&] { return "disk of n" + std::to_string(node + 1) + " hangs"; });
  cluster_.disk(node).hang();
  later(100 * kMs, 20 * kSecond, [this, node] { cluster_.disk(node).go_on(); });
}

void Faults::slow_disk() {
  const NodeIndex node = victim();
  cluster_.counters().add("fault_slow_disk");
  cluster_.disk(node).set_delay(1 * kMs, random_.between(2, 1000) * kMs);
  later(1 * kSecond, 10 * kSecond, [this, node] { cluster_.disk(node).set_delay(100, 1000); });
}

void Faults::isolate(NodeIndex node, bool keeps_coordinator) {
  cluster_.trace().say("faults", [&] { return "n" + std::to_string(node + 1) + " is cut off"; });
  for (NodeIndex i = 0; i <= cluster_.size(); ++i) {
    const NodeIndex other = i < cluster_.size() ? i : kCoordinator;
    if (other != node && (other != kCoordinator || !keeps_coordinator)) {
      cluster_.network().cut(node, other);
      cluster_.network().cut(other, node);
    }
  }
}

void Faults::split_node() {
  cluster_.counters().add("fault_split_node");
  isolate(victim(), random_.one_in(2));
  later(100 * kMs, 15 * kSecond, [this] { cluster_.network().mend_all(); });
}

void Faults::split_one_way() {
  const NodeIndex from = victim();
  const NodeIndex to = random_.one_in(5) ? kCoordinator : any_node();
  cluster_.counters().add("fault_split_one_way");
  cluster_.trace().say("faults", [&] {
    return "n" + std::to_string(from + 1) + " isn't heard by " +
           (to == kCoordinator ? "the coordinator" : "n" + std::to_string(to + 1));
  });
  cluster_.network().cut(from, to);
  later(100 * kMs, 15 * kSecond, [this, from, to] { cluster_.network().mend(from, to); });
}

void Faults::split_in_two() {
  cluster_.counters().add("fault_split_in_two");
  const std::uint64_t side = random_.next();
  cluster_.trace().say("faults", [] { return std::string("the network splits in two"); });
  for (NodeIndex i = 0; i < cluster_.size(); ++i) {
    for (NodeIndex j = 0; j < cluster_.size(); ++j) {
      if (((side >> i) & 1U) != ((side >> j) & 1U)) {
        cluster_.network().cut(i, j);
      }
    }
    if (((side >> i) & 1U) != 0 && random_.one_in(2)) {
      cluster_.network().cut(i, kCoordinator);
      cluster_.network().cut(kCoordinator, i);
    }
  }
  later(100 * kMs, 15 * kSecond, [this] { cluster_.network().mend_all(); });
}

void Faults::split_from_coordinator() {
  const NodeIndex node = victim();
  cluster_.counters().add("fault_split_from_coordinator");
  const bool is_heard = random_.one_in(3);
  cluster_.trace().say("faults", [&] {
    return "n" + std::to_string(node + 1) + " hears nothing of the coordinator";
  });
  cluster_.network().cut(kCoordinator, node);
  if (!is_heard) {
    cluster_.network().cut(node, kCoordinator);
  }
  later(100 * kMs, 10 * kSecond, [this, node] {
    cluster_.network().mend(kCoordinator, node);
    cluster_.network().mend(node, kCoordinator);
  });
}

void Faults::coordinator_away() {
  cluster_.counters().add("fault_coordinator_away");
  cluster_.trace().say("faults", [] { return std::string("the coordinator is away"); });
  cluster_.coordinator().set_away(true);
  later(100 * kMs, 10 * kSecond, [this] { cluster_.coordinator().set_away(false); });
}

void Faults::compact() {
  cluster_.counters().add("fault_compact");
  cluster_.coordinator().compact();
}

void Faults::bad_weather() {
  Weather weather = usual_;
  weather.lost_permille = random_.below(300);
  weather.late_permille = random_.below(300);
  weather.doubled_permille = random_.below(300);
  weather.late_us_max = random_.between(10, 5000) * kMs;
  cluster_.counters().add("fault_bad_weather");
  cluster_.trace().say("faults", [] { return std::string("bad weather"); });
  cluster_.network().set_weather(weather);
  later(500 * kMs, 5 * kSecond, [this] { cluster_.network().set_weather(usual_); });
}

void Faults::resign() {
  const NodeIndex node = some_leader();
  if (cluster_.is_up(node) && !cluster_.is_paused(node)) {
    cluster_.counters().add("fault_resign");
    cluster_.host(node)->resign_all();
  }
}

// A rolling restart: its leaderships move, then it stops.
void Faults::drain() {
  const NodeIndex node = victim();
  if (cluster_.is_up(node)) {
    cluster_.counters().add("fault_drain");
    cluster_.host(node)->drain();
    later(500 * kMs, 3 * kSecond, [this, node] { cluster_.crash(node, "stops"); });
  }
}

void Faults::move_leader() {
  for (NodeIndex i = 0; i < cluster_.size(); ++i) {
    if (cluster_.is_up(i) && !cluster_.is_paused(i) &&
        cluster_.host(i)->controller().is_controller()) {
      const ShardId shard{static_cast<std::uint16_t>(random_.below(cluster_.shards()))};
      const std::string to = "n" + std::to_string(any_node() + 1);
      const auto begun = cluster_.host(i)->controller().move_leader(shard, to);
      cluster_.counters().add("fault_move_leader", begun ? 1 : 0);
      cluster_.host(i)->turn_controller();
      return;
    }
  }
}

}  // namespace roost::simulation
