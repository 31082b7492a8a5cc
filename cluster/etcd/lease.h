// SPDX-License-Identifier: Apache-2.0
// One lease that is renewed three times in its life. It counts as lost as soon as its time is over
// counted from when the last renewal that was answered had been sent: before etcd ends it.
// Thread: the loop's; the guard any.
// Owner: itself while it runs; shared with the handle.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "cluster/coordinator.h"
#include "cluster/etcd/client.h"
#include "cluster/etcd/guard.h"

namespace roost::cluster::etcd {

class LeaseRun final : public std::enable_shared_from_this<LeaseRun> {
 public:
  LeaseRun(Client& client, LeaseId id, std::int64_t ttl_ms, std::function<void()> on_lost)
      : client_(client), id_(id), ttl_ms_(ttl_ms), on_lost_(std::move(on_lost)) {}

  // Granted by a call that was sent at that time.
  void begin(std::int64_t sent_at);
  void leave();   // to run out
  void revoke();  // unless it is left or lost
  LeaseId id() const { return id_; }
  Guard& guard() { return guard_; }

 private:
  void tick();
  void renew();
  void renew_on(Route route);
  void renewed(std::int64_t ttl_s);
  void not_renewed(const Route& route, const Status& status);
  void lose();

  Client& client_;
  const LeaseId id_;
  const std::int64_t ttl_ms_;
  std::function<void()> on_lost_;
  Guard guard_;
  std::unique_ptr<Stream> stream_;  // a renewal under way
  bool is_renewing_ = false;
  bool is_left_ = false;
  bool is_over_ = false;
  std::int64_t sent_at_ = 0;
  std::int64_t renewed_at_ = 0;
  std::int64_t renew_at_ = 0;
};

}  // namespace roost::cluster::etcd
