// SPDX-License-Identifier: Apache-2.0
// What a node says of itself: its trouble, its alarms, how far it has caught up.
#include <algorithm>

#include "cluster/cluster_node.h"

namespace roost::cluster {

using replication::Role;

namespace {

constexpr std::int64_t kAlarmMs = 600'000;  // an alarm is shown so long after it was raised
constexpr std::size_t kAlarmsMax = 64;
constexpr std::int64_t kTroubleMs = 1000;

bool leads(const ShardStatus& status) {
  return status.role == Role::leader || status.role == Role::fencing ||
         status.role == Role::confirming;
}

}  // namespace

// What passes at once, as at each start, is none.
void ClusterNode::say_trouble() {
  const std::string& trouble = registration_.trouble();
  const SteadyMs now = clock_.steady_ms();
  if (trouble != trouble_) {
    trouble_ = trouble;
    trouble_ms_ = now;
    is_trouble_said_ = false;
  }
  if (is_trouble_said_ || trouble.empty() || now - trouble_ms_ < kTroubleMs) return;
  is_trouble_said_ = true;
  log_.write(LogLevel::warn, "cluster " + settings_.cluster + ": not registered: " + trouble);
}

void ClusterNode::raise_here(ShardId shard, const std::string& text) {
  const std::string line = "shard " + std::to_string(shard.value) + ": " + text;
  log_.write(LogLevel::error, "cluster " + settings_.cluster + ": " + line);
  std::erase_if(alarms_, [&](const Alarm& one) { return one.text == line; });
  if (alarms_.size() == kAlarmsMax) alarms_.erase(alarms_.begin());
  alarms_.push_back({line, clock_.steady_ms()});
  is_status_old_ = true;
}

std::uint32_t ClusterNode::behind(SteadyMs now) {
  if (has_caught_up_ || !was_joined_) return 0;
  const std::uint32_t count = view_.count_behind();
  has_caught_up_ = count == 0 || now - joined_ms_ >= settings_.catch_up_ms;
  if (has_caught_up_ && count > 0) {
    log_.write(LogLevel::warn, "cluster " + settings_.cluster + ": called ready although " +
                                   std::to_string(count) + " shards aren't in sync here");
  }
  return has_caught_up_ ? 0 : count;
}

void ClusterNode::note_status() {
  const SteadyMs now = status_ms_ = clock_.steady_ms();
  is_status_old_ = false;
  ClusterStatus status;
  status.cluster = settings_.cluster;
  status.self = settings_.node;
  status.is_joined = registration_.is_registered() && view_.is_linked_to_all();
  status.coordinator_reached =
      registration_.has_lease() || (heard_ms_ > 0 && now - heard_ms_ < settings_.lease_ms);
  status.feature_level = feature_level_;
  status.behind = behind(now);
  view_.describe(status);
  if (!registration_.trouble().empty()) status.alarms.push_back(registration_.trouble());
  std::erase_if(alarms_, [&](const Alarm& one) { return now - one.at_ms > kAlarmMs; });
  for (const Alarm& one : alarms_) status.alarms.push_back(one.text);

  bool leads_any = false;
  for (const Core& core : cores_) {
    leads_any |= std::any_of(core.shards.begin(), core.shards.end(), leads);
  }
  const Replica self{settings_.node, store_.uuid()};
  for (const auto& shard : status.shards) leads_any |= shard.record.leader == self;
  is_drained_ = is_draining_ && !leads_any;
  const std::lock_guard lock(status_mutex_);
  status_ = std::move(status);
}

ClusterStatus ClusterNode::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

}  // namespace roost::cluster
