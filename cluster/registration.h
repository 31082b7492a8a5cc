// SPDX-License-Identifier: Apache-2.0
// A node's own keys: its lease, its name with all that others have to know, its incarnation. Made
// again whenever they are gone; never over another process's. Chooses the incarnation, and refuses
// a cluster that is beyond this program's feature level.
// Thread: the cluster node's; callbacks come back to it by `post`.
// Owner: the cluster node.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/base/clock.h"
#include "cluster/coordinator.h"
#include "cluster/shard_record.h"

namespace roost::cluster {

class Registration {
 public:
  using Post = std::function<void(std::function<void()>)>;  // outlives this; drops what comes later
  // kNoLease: it isn't registered any more.
  using OnLease = std::function<void(LeaseId)>;

  // `self` without its incarnation.
  Registration(Keys keys, NodeRecord self, std::int64_t lease_ms, Coordinator& coordinator,
               Post post, OnLease on_lease)
      : keys_(std::move(keys)),
        self_(std::move(self)),
        lease_ms_(lease_ms),
        coordinator_(coordinator),
        post_(std::move(post)),
        on_lease_(std::move(on_lease)) {}

  // --- what the coordinator shows ---
  void on_listing(const Listing& all);
  void on_event(const Watcher::Event& event);
  // Another reason not to register; empty: none.
  void set_refusal(std::string why) { refusal_ = std::move(why); }

  // `is_able`: can do its work; else the lease runs out. R3
  void tick(SteadyMs now, WallMs wall, bool is_able);
  // Gives the lease back: the others need not wait for its end.
  void end();

  // 0: not chosen yet. Then the same for this object's life.
  std::uint64_t incarnation() const { return self_.incarnation; }
  const NodeRecord& self() const { return self_; }
  bool is_registered() const { return put_with_ != kNoLease; }
  bool has_lease() const { return lease_ != nullptr; }
  // Why it isn't registered, for a person; empty: nothing is wrong.
  const std::string& trouble() const { return trouble_; }
  // In force; 0: not known.
  std::uint32_t feature_level() const { return level_.number(); }
  Revision feature_level_modified() const { return level_.modified; }

 private:
  static constexpr std::int64_t kRetryMs = 200;

  struct Seen {
    std::string value;
    Revision modified = 0;
    LeaseId lease = kNoLease;
    std::uint32_t number() const;
  };

  void show(const KeyValue& kv);
  Seen* seen(const std::string& key);
  std::string find_trouble() const;
  void choose_incarnation(WallMs wall);
  void ask_for_lease();
  void on_lost(std::uint64_t number);
  void put();
  void on_put(LeaseId with, const TxnResult& result);
  void note_registered();

  const Keys keys_;
  NodeRecord self_;
  const std::int64_t lease_ms_;
  Coordinator& coordinator_;
  const Post post_;
  const OnLease on_lease_;

  bool was_listed_ = false;
  Revision shown_ = 0;  // by the watch
  Seen name_, incarnation_, level_;
  std::string refusal_, trouble_;
  SteadyMs now_ = 0, next_ms_ = 0;
  std::shared_ptr<Lease> lease_;
  std::uint64_t lease_number_ = 0;
  bool is_asking_ = false, is_putting_ = false, is_let_go_ = false;
  LeaseId put_with_ = kNoLease;
};

}  // namespace roost::cluster
