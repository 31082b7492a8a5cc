// SPDX-License-Identifier: Apache-2.0
// R3: who is alive, whose leadership has ended, who comes next.
#include <algorithm>
#include <optional>

#include "cluster/controller_state.h"

namespace roost::cluster {

using replication::Role;

const NodeReport* Controller::State::report_of(const std::string& node) const {
  const auto found = reports.find(node);
  if (found == reports.end() || now - found->second.at_ms > settings.report_ms) return nullptr;
  const auto registered = nodes.find(node);
  const NodeReport& report = found->second.report;
  // Of an earlier process: it says nothing of the one that runs now.
  if (registered != nodes.end() && registered->second.incarnation > report.incarnation) {
    return nullptr;
  }
  return &report;
}

const ShardStatus* Controller::State::status_of(const Replica& replica, std::uint16_t id) const {
  const NodeReport* report = report_of(replica.name);
  if (!report || report->store != replica.store) return nullptr;
  const auto& shards_of = report->shards;
  // Most report all shards in order.
  if (id < shards_of.size() && shards_of[id].shard.value == id) return &shards_of[id];
  for (const ShardStatus& status : shards_of) {
    if (status.shard.value == id) return &status;
  }
  return nullptr;
}

// R3, R7: its lease lives, and it is the store that the record means.
bool Controller::State::is_registered(const Replica& replica) const {
  const auto node = nodes.find(replica.name);
  return node != nodes.end() && node->second.store == replica.store;
}

// R3: nobody listens at its address any more, as somebody says and nobody denies.
bool Controller::State::is_refused(const std::string& node) const {
  const auto registered = nodes.find(node);
  bool is_said = false;
  for (const auto& [reporter, reported] : reports) {
    const NodeReport* report = reporter == node ? nullptr : report_of(reporter);
    if (!report) continue;
    for (const PeerView& peer : report->peers) {
      if (peer.name != node) continue;
      // Said of an earlier process: the one that is registered now may not have been tried yet.
      const bool is_of_this =
          registered != nodes.end() && peer.incarnation == registered->second.incarnation;
      if (peer.seen == PeerView::Seen::connected) return false;
      if (peer.seen == PeerView::Seen::refused && is_of_this) is_said = true;
    }
  }
  return is_said;
}

bool Controller::State::is_live(const Replica& replica) const {
  return is_registered(replica) && !is_refused(replica.name);
}

bool Controller::State::sees(const std::string& node, const std::string& peer) const {
  const NodeReport* report = report_of(node);
  if (!report) return false;
  return std::any_of(report->peers.begin(), report->peers.end(), [&](const PeerView& view) {
    return view.name == peer && view.seen == PeerView::Seen::connected;
  });
}

bool Controller::State::has_heard() const {
  if (now - elected_ms >= settings.settle_ms) return true;
  return std::all_of(nodes.begin(), nodes.end(), [&](const auto& node) {
    return report_of(node.first) != nullptr || is_refused(node.first);
  });
}

// A report may be ahead of the watch: no decision then. If it stays ahead, a transaction that
// changes nothing tells a watch that is late from a coordinator that has forgotten. Keys in etcd
bool Controller::State::is_older(std::uint16_t id, Shard& shard) {
  if (shard.record.counter >= shard.counter_reported) {
    shard.older_since.reset();
    shard.raised.erase(ControllerAlarm::older_record);
    return false;
  }
  if (!shard.older_since) shard.older_since = now;
  if (now - *shard.older_since >= settings.report_ms && shard.txn == 0 && now >= shard.next_ms) {
    Txn probe;
    probe.conditions.push_back(as_controller());
    probe.conditions.push_back(as_known(id, shard));
    shard.txn = shard.probe = send(std::move(probe));
    shard_of_txn[shard.txn] = id;
  }
  return true;
}

// R3: it hasn't advanced for a while, though enough others could go on without it.
bool Controller::State::is_stalled(std::uint16_t id, const Shard& shard) const {
  const ShardRecord& record = shard.record;
  if (now - shard.elected_ms < settings.stalled_ms) return false;
  std::vector<const Replica*> others;
  bool is_silent_to_others = false;
  for (const Replica& member : record.isr) {
    if (member == record.leader || !is_live(member)) continue;
    const ShardStatus* status = status_of(member, id);
    if (!status || status->role != Role::follower) continue;
    others.push_back(&member);
    is_silent_to_others |= status->stalled_ms >= settings.stalled_ms;
  }
  for (const Replica* one : others) {
    for (const Replica* other : others) {
      if (one != other && !sees(one->name, other->name)) return false;
    }
  }
  if (others.size() < std::max<std::size_t>(record.min_in_sync, 1)) return false;
  const ShardStatus* own = status_of(record.leader, id);
  if (own) return own->stalled_ms >= settings.stalled_ms;
  return is_silent_to_others;
}

// R3: its lease has run out, nobody listens there, it says itself that it doesn't lead, or it
// doesn't get on.
bool Controller::State::has_failed(std::uint16_t id, const Shard& shard) const {
  const ShardRecord& record = shard.record;
  if (record.leader.name.empty() || !is_live(record.leader)) return true;
  const ShardStatus* own = status_of(record.leader, id);
  const bool has_seen_record = own && own->counter >= record.counter;
  if (has_seen_record && own->role != Role::fencing && own->role != Role::confirming &&
      own->role != Role::leader) {
    return true;  // restarted, resigned, stopped, empty
  }
  return is_stalled(id, shard);
}

// R3: who hasn't restarted before who has, then the longer log.
bool Controller::State::is_before(std::uint16_t id, const Replica& a, const Replica& b) const {
  const ShardStatus* of_a = status_of(a, id);
  const ShardStatus* of_b = status_of(b, id);
  if (!of_a || !of_b) return of_a != nullptr && of_b == nullptr;
  if (of_a->is_restarted != of_b->is_restarted) return !of_a->is_restarted;
  if (of_a->last.epoch != of_b->last.epoch) return of_a->last.epoch > of_b->last.epoch;
  return of_a->last.index > of_b->last.index;
}

// R3, R6: of the ISR or nobody. One that says nothing is alive by its lease alone: the last choice.
const Replica* Controller::State::candidate(std::uint16_t id, const Shard& shard,
                                            bool without_leader) const {
  const Replica* best = nullptr;
  for (const Replica& member : shard.record.isr) {
    if (!is_live(member) || (without_leader && member == shard.record.leader)) continue;
    const ShardStatus* status = status_of(member, id);
    if (status && (status->role == Role::importing || status->role == Role::stopped)) continue;
    if (!best || is_before(id, member, *best)) best = &member;
  }
  return best;
}

// R3: the dead and the deposed leave, but not below min_in_sync: first whose store is gone, then
// whose node is, the deposed at last.
Replicas Controller::State::isr_without_dead(const Shard& shard, const Replica& next) const {
  Replicas isr = shard.record.isr;
  const std::size_t least = std::max<std::size_t>(shard.record.min_in_sync, 1);
  const auto drop = [&](const auto& is_bad) {
    for (const Replica& member : shard.record.isr) {
      if (isr.size() > least && member != next && is_bad(member)) erase_from(isr, member);
    }
  };
  drop([&](const Replica& member) {
    const auto node = nodes.find(member.name);
    return node != nodes.end() && node->second.store != member.store;
  });
  drop([&](const Replica& member) { return !is_live(member); });
  drop([&](const Replica& member) { return member == shard.record.leader; });
  return isr;
}

void Controller::State::elect(std::uint16_t id, Shard& shard) {
  if (!has_failed(id, shard)) {
    shard.raised.erase(ControllerAlarm::no_candidate);
    return;
  }
  const Replica* next = candidate(id, shard, true);
  if (!next) {
    next = candidate(id, shard, false);
    // It has just been elected and doesn't lead: once more, but not all the time.
    if (next && now - shard.elected_ms < settings.stalled_ms) return;
  }
  if (!next) {
    raise(id, ControllerAlarm::no_candidate, "no live member of the ISR may lead");
    return;
  }
  ShardRecord record = shard.record;
  ++record.epoch;
  record.leader = *next;
  record.isr = isr_without_dead(shard, *next);
  shard.elected_ms = now;
  transact(id, std::move(record));
}

}  // namespace roost::cluster
