// SPDX-License-Identifier: Apache-2.0
// What goes wrong, by chance: each seed has some kinds of faults and not others, so that they also
// come in crowds. Never more than the rules promise to survive: Cluster::can_lose.
// Thread: one at a time.
// Owner: the Simulation.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/cluster.h"

namespace roost::simulation {

class Faults {
 public:
  Faults(Cluster& cluster, Random random);

  void start();
  // Mends and starts everything, for good.
  void heal();
  std::string describe() const;  // which kinds this seed has

 private:
  struct Kind {
    const char* name;
    void (Faults::*strike)();
  };
  static const std::vector<Kind>& kinds();

  void strike_later();
  NodeIndex any_node() { return static_cast<NodeIndex>(random_.below(cluster_.size())); }
  // Where the most happens: the leader of some shard, else any.
  NodeIndex some_leader();
  NodeIndex victim();
  // Until then, or until heal().
  void later(std::int64_t min_us, std::int64_t max_us, std::function<void()> undo);
  void restart_later(NodeIndex node);
  void isolate(NodeIndex node, bool keeps_coordinator);
  std::optional<ShardId> asking(NodeIndex node);
  // Who holds the shard whose record this node is changing, as its leader, and isn't in sync.
  std::optional<NodeIndex> joiner_of(NodeIndex leader);
  void lose_all_but(NodeIndex survivor, int rounds);
  void crash_all_but(NodeIndex survivor);
  // A transaction that is under way until `lands_us`; no joiner: not sent yet.
  struct LateGrow {
    NodeIndex leader = 0;
    ShardId shard;
    std::optional<NodeIndex> joiner;
    std::int64_t lands_us = 0;
    bool is_cut = false;  // the joiner
  };
  std::optional<cluster::MemoryTrip> send_late(LateGrow& grow, NodeIndex leader);
  std::optional<cluster::MemoryTrip> refuse(LateGrow& grow);

  void crash();
  void crash_at_output();
  void crash_all();
  void pause();
  void lose_disk();
  void damage_disk();
  void fail_sync();
  void hang_disk();
  void slow_disk();
  void split_node();
  void split_one_way();
  void split_in_two();
  void split_from_coordinator();
  void coordinator_away();
  void late_txns();
  void cut_joiner();
  void late_grow();
  void compact();
  void bad_weather();
  void resign();
  void move_leader();
  void drain();

  Cluster& cluster_;
  Random random_;
  bool is_healed_ = false;
  std::vector<Kind> mine_;
  std::int64_t interval_us_max_;
  std::int64_t quiet_until_us_ = 0;  // nothing more strikes: one that aims is under way
  Weather usual_;
};

}  // namespace roost::simulation
