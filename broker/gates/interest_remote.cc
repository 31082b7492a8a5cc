// SPDX-License-Identifier: Apache-2.0
// InterestSync: what other nodes say.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/gates/interest_sync.h"

namespace roost::gates {

using routing::InterestChange;
using Kind = routing::InterestChange::Kind;

namespace {

std::uint64_t bit_of(PeerId peer) { return std::uint64_t{1} << peer.value; }
std::uint64_t bit_of(ShardId shard) { return std::uint64_t{1} << shard.value; }

}  // namespace

void InterestSync::on_peer_up(const cluster::PeerInfo& peer) {
  Remote& remote = remotes_[peer.id.value];
  remote.incarnation = peer.incarnation;
  remote.name = peer.name;
  remote.is_sending_whole = true;
  remote.asked.fill(0);
  permissions_.forbid(peer.id);
  permissions_.know(peer.id);
  barrier_.know(peer.id, peer.incarnation);
  remote.met_serving = is_serving_;
  // Who is met for the first time behind the first clients may have been cut off since before this
  // process began: what was published here didn't go there, and nobody else need know.
  if (std::exchange(remote.met, peer.incarnation) != peer.incarnation && is_serving_) {
    remote.given_up = peer.incarnation;
  }
  if (remote.given_up == peer.incarnation) {
    send_number(peer.id, PeerFrameKind::missed, peer.incarnation);
  } else {
    remote.given_up = 0;
  }
  send_whole(peer.id);
  run_due();
}

void InterestSync::on_peer_down(PeerId peer) {
  permissions_.forbid(peer);
  remotes_[peer.value].needs_whole = false;
  std::erase_if(unanswered_, [&](const auto& one) { return one.first == peer; });
  for (std::uint16_t id = 0; id < leads_.size(); ++id) {
    if (leads_[id].leader == peer) lose_leader(ShardId{id});
  }
}

void InterestSync::on_peer_gone(PeerId peer, std::uint64_t incarnation) {
  Remote& remote = remotes_[peer.value];
  if (remote.incarnation != incarnation) return;
  remote.incarnation = 0;
  remote.given_up = incarnation;
  permissions_.forget(peer);
  barrier_.gone(peer);
  clear_node(peer);
  if (barrier_.wants_all_known()) see_who_is_known();
  run_due();
}

void InterestSync::on_frame(PeerId from, const PeerFrame& frame) {
  switch (frame.kind) {
    case PeerFrameKind::interest:
      return on_interest(from, frame.bytes);
    case PeerFrameKind::interest_ack:
      return on_ack(from, frame.bytes);
    case PeerFrameKind::ask:
      return on_ask(from, frame.bytes);
    case PeerFrameKind::grant:
      return on_grant(from, frame.bytes);
    case PeerFrameKind::missed:
      return on_missed(from);
    default:
      return;
  }
}

void InterestSync::on_interest(PeerId from, ByteView bytes) {
  const auto frame = read_interest(bytes);
  if (!frame) return counters_.broken.add();
  counters_.changes_received.add(frame->changes.size());
  if (frame->is_whole) begin_whole(from);
  for (const InterestChange& change : frame->changes) apply(from, change);
  if (frame->version == 0) return;
  remotes_[from.value].is_sending_whole = false;
  send_number(from, PeerFrameKind::interest_ack, frame->version);
}

// Nothing that it said before counts: it says everything again.
void InterestSync::begin_whole(PeerId from) {
  remotes_[from.value].is_sending_whole = true;
  clear_node(from);
  for (std::uint16_t id = 0; id < leads_.size(); ++id) {
    Lead& lead = leads_[id];
    if (lead.leader != from) continue;
    permissions_.forbid(ShardId{id});
    lead.is_complete = false;
    lead.deferred.clear();
    feed_.turn_over(ShardId{id}, [&] { table_.shards.clear_everywhere(bit_of(ShardId{id})); });
  }
}

void InterestSync::clear_node(PeerId peer) {
  permissions_.forbid(peer);
  feed_.turn_over([&] { table_.nodes.clear_everywhere(bit_of(peer)); });
}

void InterestSync::apply(PeerId from, const InterestChange& change) {
  const bool of_node = change.owner == routing::kVolatiles;
  if (!of_node && change.owner >= leads_.size()) return counters_.broken.add();
  switch (change.kind) {
    case Kind::depths:
      (of_node ? table_.nodes : table_.shards).add_depths(static_cast<std::uint32_t>(change.value));
      return;
    case Kind::leads:
      return claim(from, ShardId{change.owner}, change.value);
    case Kind::ends:
      if (leads_[change.owner].leader == from) lose_leader(ShardId{change.owner});
      return;
    case Kind::on:
    case Kind::off:
      return apply_bucket(from, change);
  }
}

void InterestSync::apply_bucket(PeerId from, const InterestChange& change) {
  const auto bucket = static_cast<std::uint32_t>(change.value);
  const bool is_on = change.kind == Kind::on;
  const auto put = [&](routing::SharedInterest& table, std::uint64_t bit) {
    if (is_on) {
      table.set(bucket, bit);
    } else {
      table.clear(bucket, bit);
    }
  };
  if (change.owner == routing::kVolatiles) return put(table_.nodes, bit_of(from));
  const ShardId shard{change.owner};
  Lead& lead = leads_[shard.value];
  if (lead.leader != from) return;  // deposed, and hasn't heard
  if (!lead.is_deferred && feed_.unless_own(shard, [&] { put(table_.shards, bit_of(shard)); })) {
    return;
  }
  if (is_on) {
    lead.deferred.insert(bucket);
  } else {
    lead.deferred.erase(bucket);
  }
}

// The higher epoch wins. What it wants is said right behind.
void InterestSync::claim(PeerId from, ShardId shard, std::uint64_t epoch) {
  Lead& lead = leads_[shard.value];
  if (epoch < lead.epoch) return;
  permissions_.forbid(shard);
  const bool is_news = lead.leader != from || lead.epoch != epoch;
  lead.epoch = epoch;
  lead.is_complete = true;
  lead.deferred.clear();
  lead.is_deferred =
      !feed_.turn_over(shard, [&] { table_.shards.clear_everywhere(bit_of(shard)); });
  if (is_news) set_leader(shard, from);
}

// Its bits stay until somebody else says what it wants: nobody may rely on them.
void InterestSync::lose_leader(ShardId shard) {
  permissions_.forbid(shard);
  leads_[shard.value].is_complete = false;
  set_leader(shard, kNoPeer);
}

void InterestSync::on_ack(PeerId from, ByteView bytes) {
  const auto version = read_number(bytes);
  if (!version) return counters_.broken.add();
  if (*version == 0) return send_whole(from);
  remotes_[from.value].given_up = 0;  // it was told before what it acknowledges
  barrier_.acked(from, *version);
  run_due();
}

// Of who had no clients when the two met nobody has missed anything.
void InterestSync::on_missed(PeerId from) {
  if (!remotes_[from.value].met_serving) return;
  counters_.missed.add();
  for (std::uint16_t core = 0; core < cores_.size(); ++core) {
    cores_.at(CoreId{core}).post([gate = gates_.gates[core]] { gate->missed(); });
  }
}

// What it hasn't been told yet is no fault: a SUBACK waits for whom this is granted.
void InterestSync::on_ask(PeerId from, ByteView bytes) {
  const auto round = read_number(bytes);
  if (!round) return counters_.broken.add();
  const SteadyMs now_ms = post_.core().now_ms();
  if (std::exchange(others_until_ms_, now_ms + Permissions::kForMs) > now_ms ||
      now_ms < wanted_until_ms_) {
    grant(from, *round);
    return;
  }
  look_at_confirmations();
  unanswered_.emplace_back(from, *round);
}

void InterestSync::grant(PeerId to, std::uint64_t round) {
  if (remotes_[to.value].needs_whole) return;
  const SteadyMs now_ms = clock_.steady_ms();
  GrantFrame grant;
  grant.round = round;
  for (std::uint16_t id = 0; id < leads_.size(); ++id) {
    const SteadyMs confirmed_ms = confirmed_[id].load(std::memory_order_relaxed);
    if (leads_[id].leader != kThisNode || confirmed_ms == 0) continue;
    const SteadyMs age_ms = std::max<SteadyMs>(now_ms - confirmed_ms, 0);
    if (age_ms >= Permissions::kForMs) continue;
    grant.shards.push_back(
        {static_cast<std::uint8_t>(id), leads_[id].epoch, static_cast<std::uint64_t>(age_ms)});
  }
  barrier_.granted(to, now_ms);
  counters_.granted.add();
  std::string& out = post_.out(to);
  const std::size_t begun = begin_frame(PeerFrameKind::grant, 0, out);
  append_grant(grant, out);
  end_frame(begun, out);
}

void InterestSync::on_grant(PeerId from, ByteView bytes) {
  const auto grant = read_grant(bytes);
  if (!grant) return counters_.broken.add();
  const Remote& remote = remotes_[from.value];
  const SteadyMs asked_ms = remote.asked[grant->round % kRoundsKept];
  const bool is_known = grant->round <= round_ && grant->round + kRoundsKept > round_;
  if (!is_known || asked_ms == 0 || remote.is_sending_whole) return;
  const SteadyMs until = asked_ms + Permissions::kForMs;
  permissions_.allow(from, until);
  for (const GrantFrame::Shard& shard : grant->shards) {
    if (shard.id >= leads_.size()) continue;
    const Lead& lead = leads_[shard.id];
    const bool is_its = lead.leader == from && lead.epoch == shard.epoch;
    if (!is_its || !lead.is_complete || lead.is_deferred) continue;
    permissions_.allow(ShardId{shard.id},
                       until - static_cast<SteadyMs>(std::min<std::uint64_t>(shard.age_ms, 1000)));
  }
}

}  // namespace roost::gates
