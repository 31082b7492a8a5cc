// SPDX-License-Identifier: Apache-2.0
// A node's lease and its own key: granted, put on condition of what was there, and made again
// whenever they are gone.
// Thread: one at a time.
// Owner: the Host.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "cluster/coordinator.h"
#include "cluster/shard_record.h"

namespace roost::simulation {

class Registration {
 public:
  static constexpr std::int64_t kLeaseMs = 3000;
  using OnLease = std::function<void(cluster::LeaseId)>;

  Registration(std::string key, cluster::NodeRecord self, OnLease on_lease)
      : key_(std::move(key)), self_(std::move(self)), on_lease_(std::move(on_lease)) {}

  // The key as the watch shows it; `modified` 0: it isn't there.
  void on_own_key(const std::string& value, cluster::Revision modified);
  void tick(cluster::Coordinator& coordinator);
  // While it can't do its work: the lease isn't renewed.
  void set_able(bool is_able);
  // Before the connection ends.
  void drop() { lease_.reset(); }

 private:
  void ask_for_lease(cluster::Coordinator& coordinator);
  void put(cluster::Coordinator& coordinator);

  std::string key_;
  cluster::NodeRecord self_;
  OnLease on_lease_;
  std::unique_ptr<cluster::Lease> lease_;
  bool is_able_ = true;
  bool is_asking_ = false;
  bool is_putting_ = false;
  bool is_let_go_ = false;
  cluster::LeaseId put_with_ = cluster::kNoLease;
  std::string shown_;
  cluster::Revision modified_ = 0;
  bool was_shown_ = false;
};

}  // namespace roost::simulation
