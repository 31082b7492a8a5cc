// SPDX-License-Identifier: Apache-2.0
// What the coordinator, its watches and its leases share: the loop, the calls, the member that is
// asked; and the look at that member once a second while somebody watches it, because the watch of
// a member that fell silent is silent as well.
// Thread: make(), stop() and loop().post() any; the rest the loop's.
// Owner: the coordinator; handles of watches and leases know it weakly.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "broker/base/result.h"
#include "cluster/etcd/etcd_coordinator.h"
#include "cluster/etcd/loop.h"
#include "cluster/etcd/requests.h"
#include "cluster/etcd/rpc.h"

namespace roost::cluster::etcd {

// Somebody whose streams shall be where requests go.
class Follower {
 public:
  virtual void moved() = 0;

 protected:
  ~Follower() = default;
};

class Client {
 public:
  static Result<std::shared_ptr<Client>> make(const EtcdOptions& options);
  // Waits for revocations that are under way, 1 s at most. Requires: not on the loop's thread.
  void stop();

  Loop& loop() { return loop_; }
  Rpc& rpc() { return *rpc_; }
  Requests& requests() { return *requests_; }

  template <typename Request, typename Response>
  void ask(Requests::Repeat repeat, Request request,
           std::function<void(const Requests::Ending&, Response&)> done) {
    auto response = std::make_shared<Response>();
    requests_->run(
        repeat,
        [this, request = std::move(request), response](const Route& route,
                                                       std::function<void(Status)> answered) {
          rpc_->call(route, request,
                     [response, answered = std::move(answered)](Status status, Response& got) {
                       *response = std::move(got);
                       answered(std::move(status));
                     });
        },
        [this, response, done = std::move(done)](const Requests::Ending& ending) {
          if (ending.status.is_ok()) note_answer();
          done(ending, *response);
        });
  }

  void note_answer() { answered_ms_.store(Loop::now_ms(), std::memory_order_relaxed); }
  void note_lease(std::int64_t until_ms) {
    lease_until_ms_.store(until_ms, std::memory_order_relaxed);
  }
  // Any thread.
  CoordinatorHealth health() const { return {answered_ms_.load(), lease_until_ms_.load()}; }

  void revoke(std::int64_t lease);
  void follow(Follower& follower) { followers_.insert(&follower); }
  void unfollow(Follower& follower) { followers_.erase(&follower); }

 private:
  void moved();
  void probe();

  Loop loop_;
  std::unique_ptr<Rpc> rpc_;
  std::unique_ptr<Requests> requests_;
  std::set<Follower*> followers_;
  bool is_probing_ = false;
  int revocations_ = 0;
  std::function<void()> on_revoked_;
  std::atomic<std::int64_t> answered_ms_{0}, lease_until_ms_{0};
};

}  // namespace roost::cluster::etcd
