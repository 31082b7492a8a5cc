// SPDX-License-Identifier: Apache-2.0
// What all parts of a simulated cluster share, and how its processes reach each other.
// Thread: one at a time.
// Owner: the Cluster.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/controller.h"
#include "cluster/memory_coordinator.h"
#include "cluster/replication/shard_replica.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/network.h"
#include "tests/simulation/trace.h"

namespace roost::simulation {

using replication::MemberId;

// How often things happened: a simulation in which nothing happens finds nothing.
class Counters {
 public:
  void add(std::string_view name, std::uint64_t count = 1) {
    const auto found = counts_.find(name);
    (found == counts_.end() ? counts_[std::string(name)] : found->second) += count;
  }
  void add_all(const Counters& other) {
    for (const auto& [name, count] : other.counts_) {
      add(name, count);
    }
  }
  const std::map<std::string, std::uint64_t, std::less<>>& all() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

// A part of a snapshot on its way: the last brings all.
struct ImportPart {
  std::uint64_t import = 0;
  bool is_last = false;
  const ImportWrite* content = nullptr;  // lives as long as the stream
};

// From one process to others, through the network.
class Post {
 public:
  virtual void send(NodeIndex from, MemberId sender, MemberId to, ShardId shard,
                    const replication::Message& message) = 0;
  virtual void report(NodeIndex from, const std::string& to, const cluster::NodeReport& report) = 0;
  // `done(true)`: it arrived there, and is wanted. Runs once, in the sender.
  virtual void send_part(NodeIndex from, MemberId to, ShardId shard, const ImportPart& part,
                         std::function<void(bool)> done) = 0;
  virtual std::vector<cluster::PeerView> peers_of(NodeIndex node) = 0;
  // A replica is about to forget its log and state.
  virtual void emptied(ShardId shard, const cluster::Replica& replica, const std::string& who,
                       const LogView& log) = 0;
  // The process has ended at this point; its object is still on the stack.
  virtual void died(NodeIndex node) = 0;

 protected:
  ~Post() = default;
};

// What clients are told. In the node's process; the answer still has to travel.
class Answers {
 public:
  virtual void on_appended(std::uint64_t request, bool is_acknowledged) = 0;
  virtual void on_read(std::uint64_t request) = 0;

 protected:
  ~Answers() = default;
};

struct World {
  EventQueue& queue;
  Network& network;
  cluster::MemoryCoordinator& coordinator;
  Checker& checker;
  Trace& trace;
  Counters& counters;
  Post& post;
  Answers& answers;
  cluster::Keys keys;
  replication::Settings settings;
  cluster::ControllerSettings controller_settings;
};

}  // namespace roost::simulation
