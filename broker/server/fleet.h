// SPDX-License-Identifier: Apache-2.0
// This node and the others, as one: what a node tells of itself or does is a verb by name, JSON in
// and out; each is asked of this node, of another, or of all at once. Who doesn't answer is named,
// so that nobody takes a part for the whole.
// Thread: any thread that may wait, never a core; verbs run on the asker's thread, and for other
// nodes on threads of its own, several at once.
// Owner: Server. Order: made; add(); start(); stop(), after which nothing of it runs.
#pragma once

#include <boost/json/value.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "broker/auth/workers.h"
#include "broker/base/result.h"
#include "broker/observe/metrics.h"
#include "cluster/cluster.h"

namespace roost::server {

struct FleetCounters {
  std::atomic<std::uint64_t> answered{0};  // questions of other nodes
  std::atomic<std::uint64_t> refused{0};   // of those, for more wait than kWaitingMax, or it stops
  std::atomic<std::uint64_t> asked{0};     // other nodes
  std::atomic<std::uint64_t> failed{0};    // of those, without an answer in time
};

class Fleet {
 public:
  static constexpr std::chrono::milliseconds kAnswersWithin{5'000};
  // What other nodes ask: so many at once, and so many more wait; then it is refused.
  static constexpr std::uint32_t kThreads = 2, kWaitingMax = 64;

  using Object = boost::json::object;
  using Told = Result<boost::json::value>;
  using Verb = std::function<Told(const Object&)>;

  // `cluster`: null: a node alone; must outlive it. `self`: its name.
  Fleet(std::string self, cluster::Cluster* cluster);
  ~Fleet();

  // Requires (CHECK): not started, no verb of that name.
  void add(std::string name, Verb verb);
  void start();
  void stop();

  struct Said {
    std::string node;
    Told told;
  };
  // This node first, then the others that are alive, by name; last, without a name, that shards are
  // led by nobody. Waits for kAnswersWithin at most.
  std::vector<Said> ask_all(const std::string& verb, const Object& parameters) const;
  Told ask_here(const std::string& verb, const Object& parameters) const;
  const std::string& self() const { return self_; }
  const FleetCounters& counters() const { return counters_; }
  void add_metrics(observe::Metrics& metrics) const;

 private:
  void answer(const std::string& question, const cluster::Cluster::Reply& reply);
  void refuse(const cluster::Cluster::Reply& reply, const char* why);

  const std::string self_;
  cluster::Cluster* const cluster_;
  std::map<std::string, Verb> verbs_;
  mutable FleetCounters counters_;
  std::unique_ptr<auth::Workers> workers_;  // while it is started, in a cluster
  struct Ear {
    std::mutex mutex;
    Fleet* fleet = nullptr;  // guarded by mutex; null: over
  };
  const std::shared_ptr<Ear> ear_ = std::make_shared<Ear>();
};

// Those of `said` that failed: [{"node": ..., "error": ...}].
boost::json::array missing(const std::vector<Fleet::Said>& said);

}  // namespace roost::server
