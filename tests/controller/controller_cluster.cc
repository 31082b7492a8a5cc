// SPDX-License-Identifier: Apache-2.0
#include "tests/controller/controller_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace roost::cluster {

std::vector<std::string> names_of(const Replicas& replicas) {
  std::vector<std::string> names;
  for (const Replica& replica : replicas) names.push_back(replica.name);
  std::sort(names.begin(), names.end());
  return names;
}

ControllerCluster::ControllerCluster(std::uint16_t shard_count) {
  settings.shard_count = shard_count;
}

ControllerCluster::Node& ControllerCluster::add(const std::string& name, const std::string& zone) {
  Node& made = nodes_[name];
  made.name = name;
  made.zone = zone;
  made.store = "store-" + std::to_string(++stores_);
  made.incarnation = 0;
  start(name);
  return made;
}

void ControllerCluster::start(const std::string& name) {
  Node& one = node(name);
  ++one.incarnation;
  one.is_up = true;
  one.lease = ++leases_;
  for (std::uint16_t id = 0; id < 256; ++id) one.epochs[id] = shard(id).epoch;
  one.controller = std::make_unique<Controller>(name, one.incarnation, names, settings, now);
  Listing all{revision_, {}};
  for (const auto& [key, kv] : keys_) all.keys.push_back(kv);
  one.controller->on_listing(all);
  one.controller->on_lease(one.lease);
  NodeRecord record{name, name + ":1", one.incarnation, one.store, "1", one.zone};
  record.brings = one.brings;
  record.brings_epoch = one.brings_epoch;
  put(names.node(name), encode(record), one.lease);
}

void ControllerCluster::stop(const std::string& name) {
  Node& one = node(name);
  one.is_up = false;
  one.controller.reset();
  std::vector<std::string> gone;
  for (const auto& [key, kv] : keys_) {
    if (kv.lease == one.lease) gone.push_back(key);
  }
  for (const std::string& key : gone) erase(key);
}

void ControllerCluster::expire_controller() { erase(names.controller()); }

Controller& ControllerCluster::controller() { return *node(controller_name()).controller; }

std::string ControllerCluster::controller_name() const {
  for (const auto& [name, one] : nodes_) {
    if (one.controller && one.controller->is_controller()) return name;
  }
  return {};
}

void ControllerCluster::put(const std::string& key, const std::string& value, LeaseId lease) {
  KeyValue& kv = keys_[key];
  const Revision created = kv.created;
  ++revision_;
  kv = {key, value, created > 0 ? created : revision_, revision_, lease};
  show({kv, false});
}

void ControllerCluster::erase(const std::string& key) {
  keys_.erase(key);
  show({KeyValue{key, "", 0, ++revision_, kNoLease}, true});
}

void ControllerCluster::show(const Watcher::Event& event) {
  if (!shows) return;
  for (auto& [name, one] : nodes_) {
    if (one.controller) one.controller->on_events({event});
  }
}

void ControllerCluster::restore(std::map<std::string, KeyValue> old) {
  keys_ = std::move(old);
  for (auto& [name, one] : nodes_) {  // those that live register anew
    if (!one.is_up) continue;
    keys_[names.node(name)] = {
        names.node(name),
        encode(NodeRecord{name, name + ":1", one.incarnation, one.store, "1", one.zone}), 1, 1,
        one.lease};
  }
  revision_ = 1;
  for (const auto& [key, kv] : keys_) revision_ = std::max(revision_, kv.modified);
  Listing all{revision_, {}};
  for (const auto& [key, kv] : keys_) all.keys.push_back(kv);
  for (auto& [name, one] : nodes_) {
    if (one.controller) one.controller->on_listing(all);
  }
}

ShardRecord ControllerCluster::shard(std::uint16_t id) const {
  const auto found = keys_.find(names.shard(ShardId{id}));
  return found == keys_.end() ? ShardRecord{} : *decode_shard_record(found->second.value);
}

void ControllerCluster::edit(std::uint16_t id, const std::function<void(ShardRecord&)>& change) {
  ShardRecord next = shard(id);
  change(next);
  ++next.counter;
  put(names.shard(ShardId{id}), encode(next), kNoLease);
}

void ControllerCluster::let_leaders_work() {
  for (std::uint16_t id = 0; id < 256; ++id) {
    if (!has(id)) continue;
    const ShardRecord now_is = shard(id);
    const auto leader = nodes_.find(now_is.leader.name);
    if (leader == nodes_.end() || !leader->second.is_up) continue;
    ShardRecord next = now_is;
    for (const Replica& one : now_is.replicas) {
      const auto found = nodes_.find(one.name);
      const bool is_up =
          found != nodes_.end() && found->second.is_up && found->second.store == one.store;
      const auto in_sync = std::find(next.isr.begin(), next.isr.end(), one);
      if (is_up && in_sync == next.isr.end()) next.isr.push_back(one);
      if (is_up) std::erase(next.adding, one);
      if (!is_up && in_sync != next.isr.end() && next.isr.size() > next.min_in_sync) {
        next.isr.erase(in_sync);
      }
    }
    for (const Replica& one : now_is.removing) {
      if (!next.adding.empty() || one == next.leader || next.isr.size() <= next.min_in_sync)
        continue;
      std::erase(next.isr, one);
      std::erase(next.replicas, one);
      std::erase(next.removing, one);
    }
    if (next != now_is) edit(id, [&](ShardRecord& record) { record = next; });
  }
}

// What the replicas of a node would say.
void ControllerCluster::report(Node& from) {
  NodeReport said;
  said.name = from.name;
  said.store = from.store;
  said.incarnation = from.incarnation;
  said.is_draining = from.is_draining;
  for (const auto& [name, peer] : nodes_) {
    if (name == from.name) continue;
    const auto seen = from.sees.find(name);
    const auto otherwise = peer.is_up ? PeerView::Seen::connected : PeerView::Seen::silent;
    said.peers.push_back(
        {name, peer.incarnation, seen == from.sees.end() ? otherwise : seen->second});
  }
  for (std::uint16_t id = 0; id < 256; ++id) {
    const ShardRecord record = shard(id);
    counters_[id] = std::max(counters_[id], record.counter);
    if (counters_[id] == 0) continue;
    const Replica self{from.name, from.store};
    ShardStatus status;
    status.shard = ShardId{id};
    status.counter = counters_[id];
    status.epoch = record.epoch;
    status.lineage = record.lineage;
    status.last = {record.epoch, 10};
    status.is_restarted = record.epoch <= from.epochs[id];
    const bool leads = record.leader == self && !status.is_restarted;
    status.role = leads ? replication::Role::leader : replication::Role::follower;
    if (const auto edit = from.edits.find(id); edit != from.edits.end()) edit->second(status);
    said.shards.push_back(status);
  }
  from.controller->on_report(said, now);
  const auto to = nodes_.find(from.controller->controller_name());
  if (to != nodes_.end() && to->second.controller) to->second.controller->on_report(said, now);
}

bool ControllerCluster::execute(const Txn& txn, Revision& at) {
  for (const Condition& condition : txn.conditions) {
    const auto found = keys_.find(condition.key);
    Revision is = 0;
    if (found != keys_.end()) {
      is = condition.on == Condition::On::created ? found->second.created : found->second.modified;
    }
    if (is != condition.revision) return false;
  }
  for (const Change& change : txn.changes) {
    if (const auto* wanted = std::get_if<PutKey>(&change)) {
      put(wanted->key, wanted->value, wanted->lease);
    } else {
      erase(std::get<EraseKey>(change).key);
    }
  }
  at = revision_;
  return true;
}

void ControllerCluster::transact(Node& from, const replication::TxnRequest& request) {
  ++txns;
  TxnResult result;
  if (fate == Fate::failed) {
    result.outcome = TxnResult::Outcome::failed;
  } else if (fate != Fate::unknown_lost) {
    const bool is_done = execute(request.txn, result.revision);
    if (fate == Fate::done) {
      result.outcome = is_done ? TxnResult::Outcome::done : TxnResult::Outcome::refused;
    }
  }
  from.controller->on_txn_result(request.id, result);
}

void ControllerCluster::drain(Node& from) {
  ControllerOutput out;
  from.controller->take(now, out);
  for (const auto& request : out.txns) transact(from, request);
  for (const auto& raised : out.alarms) from.alarms.push_back(raised.alarm);
}

void ControllerCluster::run(std::int64_t ms) {
  for (const SteadyMs end = now + ms; now < end;) {
    now += 50;
    if (leaders_work) let_leaders_work();
    for (auto& [name, one] : nodes_) {
      if (one.controller && one.reports && now % 500 == 0) report(one);
    }
    for (auto& [name, one] : nodes_) {
      if (!one.controller) continue;
      one.controller->on_tick(now);
      drain(one);
    }
  }
}

bool ControllerCluster::run_until(const std::function<bool()>& is_so, std::int64_t ms) {
  for (const SteadyMs end = now + ms; now < end && !is_so();) run(50);
  return is_so();
}

}  // namespace roost::cluster
