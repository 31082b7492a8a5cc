// SPDX-License-Identifier: Apache-2.0
// Faults that aim: transactions that come late, and those whom they are about.
#include <algorithm>
#include <memory>
#include <utility>

#include "tests/simulation/faults.h"

namespace roost::simulation {
namespace {

constexpr std::int64_t kMs = 1'000;
constexpr std::int64_t kSecond = 1'000'000;
// From when a transaction is sent until it was given up, and the record read. R5
constexpr std::int64_t kGivenUpUs = 2'300 * kMs;

}  // namespace

// Transactions that are executed long after they were given up.
void Faults::late_txns() {
  cluster_.counters().add("fault_late_txns");
  cluster_.trace().say("faults", [] { return std::string("transactions come late"); });
  const std::uint64_t permille = random_.between(200, 1000);
  cluster_.set_trips(
      [this, permille](NodeIndex node,
                       cluster::MemoryRequest request) -> std::optional<cluster::MemoryTrip> {
        if (request != cluster::MemoryRequest::transact || !random_.permille(permille) ||
            cluster_.network().is_cut(node, kCoordinator)) {
          return std::nullopt;
        }
        return cluster::MemoryTrip{random_.between(1 * kMs, 15 * kSecond), 1 * kMs};
      });
  later(500 * kMs, 6 * kSecond, [this] { cluster_.set_trips({}); });
}

std::optional<ShardId> Faults::asking(NodeIndex node) {
  const Host* host = cluster_.host(node);
  return host == nullptr ? std::nullopt : host->asking();
}

std::optional<NodeIndex> Faults::joiner_of(NodeIndex leader) {
  const auto shard = asking(leader);
  const auto record = shard ? cluster_.record(*shard) : std::nullopt;
  if (!record || cluster_.leader(*shard) != leader) {
    return std::nullopt;
  }
  for (const cluster::Replica& one : record->replicas) {
    const auto node = cluster_.node_of(one);
    const bool is_member =
        std::find(record->isr.begin(), record->isr.end(), one) != record->isr.end();
    if (node && !is_member && cluster_.is_up(*node)) {
      return node;
    }
  }
  return std::nullopt;
}

// A leader's next transaction comes late, and whom it is about, most likely, is cut off as it is
// sent. When he is back he is to be the last who has it all.
void Faults::cut_joiner() {
  cluster_.set_trips([this, is_armed = true](NodeIndex node, cluster::MemoryRequest request) mutable
                     -> std::optional<cluster::MemoryTrip> {
    if (!is_armed || request != cluster::MemoryRequest::transact) {
      return std::nullopt;
    }
    const auto joiner = joiner_of(node);
    if (!joiner) {
      return std::nullopt;
    }
    is_armed = false;
    cluster_.counters().add("fault_cut_joiner");
    isolate(*joiner, true);
    later(1 * kSecond, 7 * kSecond, [this, joiner] {
      cluster_.network().mend_all();
      lose_all_but(*joiner, 20);
    });
    return cluster::MemoryTrip{random_.between(1 * kMs, 6 * kSecond), 1 * kMs};
  });
}

void Faults::lose_all_but(NodeIndex survivor, int rounds) {
  for (NodeIndex i = 0; i < cluster_.size(); ++i) {
    if (i != survivor && cluster_.is_up(i) && cluster_.can_lose(i)) {
      cluster_.counters().add("fault_lose_disk");
      cluster_.crash(i, "is lost with its disk");
      cluster_.disk(i).lose();
    }
  }
  if (rounds > 0) {
    later(100 * kMs, 1 * kSecond, [=, this] { lose_all_but(survivor, rounds - 1); });
  }
}

// A leader takes somebody in, with a transaction that is executed after it was given up and the
// record was read. What the leader sends in between is refused, as with no quorum for a moment, and
// from then on the joiner hears nothing: it may be left behind only by a leader that doesn't count
// it. Soon after the transaction was executed all others crash.
void Faults::late_grow() {
  const auto grow = std::make_shared<LateGrow>();
  cluster_.set_trips(
      [this, grow](NodeIndex node,
                   cluster::MemoryRequest request) -> std::optional<cluster::MemoryTrip> {
        if (request != cluster::MemoryRequest::transact) {
          return std::nullopt;
        }
        if (!grow->joiner) {
          return send_late(*grow, node);
        }
        const bool is_between = cluster_.queue().now_us() < grow->lands_us &&
                                node == grow->leader && asking(node) == grow->shard;
        return is_between ? refuse(*grow) : std::nullopt;
      });
}

std::optional<cluster::MemoryTrip> Faults::send_late(LateGrow& grow, NodeIndex leader) {
  const auto joiner = joiner_of(leader);
  if (!joiner) {
    return std::nullopt;
  }
  cluster_.counters().add("fault_late_grow");
  const std::int64_t delay_us = random_.between(kGivenUpUs, kGivenUpUs + 1 * kSecond);
  grow = LateGrow{leader, *asking(leader), joiner, cluster_.queue().now_us() + delay_us, false};
  cluster_.trace().say("faults", [&] {
    return "what n" + std::to_string(leader + 1) + " asks comes " + std::to_string(delay_us / kMs) +
           " ms late";
  });
  const std::int64_t crash_us = delay_us + random_.between(1 * kMs, 300 * kMs);
  quiet_until_us_ = cluster_.queue().now_us() + crash_us + 1 * kSecond;
  later(crash_us, crash_us, [this, joiner = *joiner] { crash_all_but(joiner); });
  return cluster::MemoryTrip{delay_us, 1 * kMs};
}

std::optional<cluster::MemoryTrip> Faults::refuse(LateGrow& grow) {
  if (!std::exchange(grow.is_cut, true)) {
    isolate(*grow.joiner, true);
  }
  if (!cluster_.coordinator().is_away()) {
    cluster_.coordinator().set_away(true);
    later(2 * kMs, 2 * kMs, [this] { cluster_.coordinator().set_away(false); });
  }
  return cluster::MemoryTrip{1 * kMs, 1 * kMs};
}

void Faults::crash_all_but(NodeIndex survivor) {
  cluster_.network().mend_all();
  for (NodeIndex i = 0; i < cluster_.size(); ++i) {
    if (i != survivor) {
      cluster_.crash(i, "crashes, as all do but one");
    }
  }
}

}  // namespace roost::simulation
