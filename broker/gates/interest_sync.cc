// SPDX-License-Identifier: Apache-2.0
// InterestSync: when what happens, and this node's own side. What others say: interest_remote.cc.
#include "broker/gates/interest_sync.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::gates {

using routing::InterestChange;
using routing::InterestChanges;
using Kind = routing::InterestChange::Kind;

InterestSync::InterestSync(core::Cores& cores, PeerPost& post, routing::RoutingTable& table,
                           PeerGates& gates, Permissions& permissions, const Clock& clock,
                           std::vector<cluster::ShardHosts*> hosts)
    : cores_(cores),
      post_(post),
      table_(table),
      feed_(*table.feed),
      gates_(gates),
      permissions_(permissions),
      clock_(clock),
      hosts_(std::move(hosts)),
      leads_(table.shard_count),
      confirmed_(table.shard_count) {
  post.handle({PeerFrameKind::interest, PeerFrameKind::interest_ack, PeerFrameKind::ask,
               PeerFrameKind::grant, PeerFrameKind::missed},
              *this);
  feed_.use(*this);
}

template <typename Visit>
void InterestSync::for_each_up(Visit&& visit) {
  for (std::uint16_t id = 1; id < kPeersMax; ++id) {
    if (post_.is_up(PeerId{id})) visit(PeerId{id}, remotes_[id]);
  }
}

void InterestSync::start() {
  DCHECK(post_.core().is_current());
  flush();
  on_timer();
}

void InterestSync::arm() {
  const SteadyMs every_ms = barrier_.is_waiting() ? kWaitingTickMs : kTickMs;
  post_.core().timers().arm(*this, (post_.core().now_ms() / every_ms + 1) * every_ms);
}

void InterestSync::on_timer() {
  const SteadyMs now_ms = post_.core().now_ms();
  if (now_ms / kTickMs != ticked_ms_ / kTickMs || ticked_ms_ == 0) {
    ticked_ms_ = now_ms;
    ask_and_look(now_ms);
    for_each_up([&](PeerId peer, const Remote& remote) {
      if (remote.needs_whole && !post_.is_congested(peer)) send_whole(peer);
    });
    if (barrier_.wants_all_known()) see_who_is_known();
  }
  run_due();
  arm();
}

// While nobody publishes, permissions run out: the first publish after that goes to all shards.
void InterestSync::ask_and_look(SteadyMs now_ms) {
  for (const auto& [peer, round] : std::exchange(unanswered_, {})) grant(peer, round);
  const bool was_wanted = now_ms < wanted_until_ms_;
  if (permissions_.take_used() || asked_ms_ == 0) wanted_until_ms_ = now_ms + kQuietMs;
  const bool is_wanted = now_ms < wanted_until_ms_;
  if (is_wanted || now_ms < others_until_ms_) look_at_confirmations();
  if (is_wanted && (!was_wanted || now_ms / kAskMs != asked_ms_ / kAskMs)) ask();
}

// --- what a SUBACK waits for ---

void InterestSync::when_seen(core::Core& core, core::Task task) {
  const std::uint64_t version = feed_.version();
  cores_.at(CoreId{0}).post([this, version, core = &core, task = std::move(task)]() mutable {
    flush();
    const std::uint64_t tag = ++last_tag_;
    waiting_.emplace(tag, Waiting{core, std::move(task)});
    barrier_.wait(version, tag, post_.core().now_ms());
    run_due();
    if (!waiting_.contains(tag)) return;
    counters_.waits.add();
    if (barrier_.wants_all_known()) see_who_is_known();
    run_due();
    arm();
  });
}

void InterestSync::run_due() {
  for (const std::uint64_t tag : barrier_.due(post_.core().now_ms())) {
    const auto at = waiting_.find(tag);
    at->second.core->post(std::move(at->second.task));
    waiting_.erase(at);
  }
}

// Whoever lives and was never heard of may rely on what an earlier leader said.
void InterestSync::see_who_is_known() {
  const cluster::ClusterStatus status = post_.cluster().status();
  const auto is_known = [&](const cluster::ClusterStatus::Node& node) {
    return !node.is_alive || node.record.name == status.self ||
           std::any_of(remotes_.begin(), remotes_.end(), [&](const Remote& remote) {
             return remote.incarnation != 0 && remote.name == node.record.name;
           });
  };
  barrier_.all_known(std::all_of(status.nodes.begin(), status.nodes.end(), is_known));
}

// --- what this node's own filters do ---

void InterestSync::on_feed() {
  cores_.at(CoreId{0}).post([this] {
    flush();
    run_due();
  });
}

void InterestSync::flush() {
  const routing::InterestFeed::Part part = feed_.take();
  if (part.changes.empty()) return;
  broadcast(part);
  take_note(part.changes);
}

void InterestSync::broadcast(const routing::InterestFeed::Part& part) {
  if (part.changes.empty()) return;
  for_each_up([&](PeerId peer, Remote& remote) {
    if (remote.needs_whole || post_.is_congested(peer)) {
      remote.needs_whole = true;
    } else {
      send_changes(peer, false, part.version, part.changes);
    }
  });
}

void InterestSync::send_changes(PeerId to, bool is_whole, std::uint64_t version,
                                const InterestChanges& changes) {
  counters_.changes_sent.add(changes.size());
  for (std::size_t from = 0; is_whole || from < changes.size();) {
    std::string& out = post_.out(to);
    const std::size_t begun = begin_frame(PeerFrameKind::interest, 0, out);
    from = append_interest(std::exchange(is_whole, false), version, changes, from, out);
    end_frame(begun, out);
  }
}

void InterestSync::send_whole(PeerId to) {
  const routing::InterestFeed::Whole whole = feed_.take_whole();
  remotes_[to.value].needs_whole = true;  // these changes are in it
  broadcast(whole.since);
  remotes_[to.value].needs_whole = false;
  counters_.wholes_sent.add();
  send_changes(to, true, std::max<std::uint64_t>(whole.since.version, 1), whole.all);
  take_note(whole.since.changes);
}

void InterestSync::take_note(const InterestChanges& own) {
  for (const InterestChange& change : own) {
    if (change.kind == Kind::leads) own_leads(ShardId{change.owner}, change.value);
    if (change.kind == Kind::ends) own_ends(ShardId{change.owner});
  }
}

void InterestSync::own_leads(ShardId shard, std::uint64_t epoch) {
  Lead& lead = leads_[shard.value];
  if (epoch < lead.epoch) return;  // deposed already
  lead.epoch = epoch;
  lead.is_deferred = false;
  lead.deferred.clear();
  permissions_.forbid(shard);
  set_leader(shard, kThisNode);
  barrier_.all_known(false);
  barrier_.began_leading(clock_.steady_ms());
}

// The bit is nobody's: the next leader's, if it was heard of meanwhile.
void InterestSync::own_ends(ShardId shard) {
  Lead& lead = leads_[shard.value];
  permissions_.forbid(shard);
  if (lead.leader == kThisNode) {
    set_leader(shard, kNoPeer);
  } else if (lead.leader != kNoPeer) {
    take_back(shard);
  }
  feed_.forget(shard);
}

void InterestSync::take_back(ShardId shard) {
  Lead& lead = leads_[shard.value];
  const bool is_taken = feed_.turn_over(shard, [&] {
    for (const std::uint32_t bucket : lead.deferred) {
      table_.shards.set(bucket, std::uint64_t{1} << shard.value);
    }
  });
  if (!is_taken) return;  // led here again
  if (!std::exchange(lead.is_deferred, false)) {
    // It led before this node began to, and goes on: what it had said is wiped out.
    lead.is_complete = false;
    send_number(lead.leader, PeerFrameKind::interest_ack, 0);
  }
  lead.deferred.clear();
}

void InterestSync::set_leader(ShardId shard, PeerId leader) {
  Lead& lead = leads_[shard.value];
  lead.leader = leader;
  for (std::uint16_t core = 0; core < cores_.size(); ++core) {
    PeerGate* gate = gates_.gates[core];
    if (core == 0) {
      gate->set_leader(shard, leader, lead.epoch);
      continue;
    }
    cores_.at(CoreId{core}).post([gate, shard, leader, epoch = lead.epoch] {
      gate->set_leader(shard, leader, epoch);
    });
  }
}

// --- leases ---

// What this node leads it may deny as long as others may, by the same rule.
void InterestSync::look_at_confirmations() {
  for (std::uint16_t id = 0; id < leads_.size(); ++id) {
    const SteadyMs confirmed_ms = confirmed_[id].load(std::memory_order_relaxed);
    if (leads_[id].leader != kThisNode || confirmed_ms == 0) continue;
    permissions_.allow(ShardId{id}, confirmed_ms + Permissions::kForMs);
  }
  for (std::uint16_t core = 0; core < cores_.size(); ++core) {
    cores_.at(CoreId{core}).post([this, core] {
      for (std::uint16_t id = core; id < confirmed_.size();
           id = static_cast<std::uint16_t>(id + cores_.size())) {
        const cluster::ShardHosts& hosts = *hosts_[core];
        const ShardId shard{id};
        const auto confirmed_ms = hosts.leads(shard) ? hosts.confirmed_ms(shard) : std::nullopt;
        confirmed_[id].store(confirmed_ms.value_or(0), std::memory_order_relaxed);
      }
    });
  }
}

void InterestSync::ask() {
  ++round_;
  asked_ms_ = post_.core().now_ms();
  for_each_up([&](PeerId peer, Remote& remote) {
    counters_.asked.add();
    remote.asked[round_ % kRoundsKept] = asked_ms_;
    send_number(peer, PeerFrameKind::ask, round_);
  });
}

void InterestSync::send_number(PeerId to, PeerFrameKind kind, std::uint64_t number) {
  if (!post_.is_up(to)) return;
  std::string& out = post_.out(to);
  const std::size_t begun = begin_frame(kind, 0, out);
  append_number(number, out);
  end_frame(begun, out);
}

}  // namespace roost::gates
