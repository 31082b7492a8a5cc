// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/peer_gate.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "broker/base/check.h"

namespace roost::gates {

using routing::MessagePtr;

namespace {

template <typename Visit>
void for_each_bit(std::uint64_t bits, Visit&& visit) {
  for (; bits != 0; bits &= bits - 1) visit(static_cast<std::uint16_t>(std::countr_zero(bits)));
}

// Whose messages stay in order: a publisher's; or those that come out of one shard's log.
std::uint64_t order_key(const routing::Message& message,
                        const std::optional<routing::Source>& source) {
  return source ? source->part + 1U : message.origin();
}

}  // namespace

PeerGate::PeerGate(PeerGates& gates, core::Cores& cores, PeerPost& post, routing::Router& router,
                   ShardSide& shards, const Certainty& certainty)
    : gates_(gates),
      cores_(cores),
      post_(post),
      router_(router),
      certainty_(certainty),
      lanes_{Outbound(lane_id(kSmall), post, leaders_, *this),
             Outbound(lane_id(kLarge), post, leaders_, *this)},
      inbound_(router, shards, *this),
      outboxes_(cores.size()) {
  post.handle({PeerFrameKind::once, PeerFrameKind::publish, PeerFrameKind::confirmed}, *this);
}

// --- who leads ---

void PeerGate::set_leader(ShardId shard, PeerId leader, std::uint64_t epoch) {
  DCHECK(post_.core().is_current());
  // Its session may have ended meanwhile; then it is said anew.
  if (leader != kThisNode && leader != kNoPeer && !post_.is_up(leader)) leader = kNoPeer;
  leaders_.of[shard.value] = leader;
  leaders_.epoch[shard.value] = std::max(leaders_.epoch[shard.value], epoch);
  for (Outbound& lane : lanes_) lane.on_leader(shard);
  for (LeaderEvents* events : leader_events_) {
    events->on_leader(shard, leader, leaders_.epoch[shard.value]);
  }
  post_.core().at_turn_end(*this);
}

routing::PeerSet PeerGate::leaders_of(routing::ShardSet shards) const {
  routing::PeerSet leaders = 0;
  for_each_bit(shards, [&](std::uint16_t shard) {
    const PeerId leader = leaders_.of[shard];
    if (leader != kNoPeer) leaders |= std::uint64_t{1} << leader.value;
  });
  return leaders;
}

void PeerGate::on_peer_up(const cluster::PeerInfo& peer) {
  lives_[peer.id.value] = living_[peer.id.value] = life_of(peer);
  for (Outbound& lane : lanes_) lane.on_peer_up(peer);
  router_.local().node_came(life_of(peer));
}

// Who leads is known from a session and for as long: everything starts over with the next.
void PeerGate::on_peer_down(PeerId peer) {
  for (std::uint16_t shard = 0; shard < kClusterShardsMax; ++shard) {
    if (leaders_.of[shard] == peer) set_leader(ShardId{shard}, kNoPeer, 0);
  }
  for (Outbound& lane : lanes_) lane.on_peer_down(peer);
  boost::unordered::erase_if(joiners_,
                             [&](const auto& one) { return one.first >> 16 == peer.value; });
}

void PeerGate::on_peer_gone(PeerId peer, std::uint64_t incarnation) {
  const cluster::PeerInfo& info = post_.info(peer);
  if (info.incarnation == incarnation) {
    living_[peer.value] = 0;
    router_.local().node_gone(life_of(info));
  }
  for (Outbound& lane : lanes_) lane.on_peer_gone(peer, incarnation);
}

// --- out ---

// Small ones don't wait for large ones; those of one publisher don't pass each other.
std::size_t PeerGate::lane_for(const routing::Message& message, std::uint64_t key) {
  const bool is_large = message.memory_size() > Outbound::kWholeBytesMax;
  if (!is_large && (large_keys_.empty() || !large_keys_.contains(key))) return kSmall;
  if (++large_keys_[key] == 1) {
    const std::size_t before = lanes_[kSmall].count(key);
    if (before > 0) held_[key] = before;
  }
  return kLarge;
}

void PeerGate::publish(const MessagePtr& message, const routing::Targets& targets,
                       const std::optional<routing::Source>& source,
                       routing::Publication* publication) {
  counters_.published.add();
  const std::uint64_t key = order_key(*message, source);
  lanes_[lane_for(*message, key)].publish(message, targets, source, publication, key);
  post_.core().at_turn_end(*this);
}

void PeerGate::send_once(const MessagePtr& message, routing::PeerSet nodes,
                         std::optional<ShardId> keeps) {
  const bool is_large = message->memory_size() > Outbound::kWholeBytesMax;
  for_each_bit(nodes, [&](std::uint16_t node) {
    const PeerId to{node};
    if (!post_.is_up(to) || post_.waiting_bytes(to) > kOnceBytesMax) {
      counters_.once_dropped.add();
      return;
    }
    counters_.once_sent.add();
    const bool is_kept = keeps && leaders_.of[keeps->value] == to;
    const std::uint64_t key = message->origin();
    if (!is_large && (large_keys_.empty() || !large_keys_.contains(key))) {
      send_small_once(message, to, is_kept);
      return;
    }
    if (lanes_[kLarge].bytes() > kOnceBytesMax) {
      counters_.once_dropped.add();
      return;
    }
    ++large_keys_[key];
    lanes_[kLarge].send_once(message, to, is_kept, key);
  });
}

void PeerGate::send_small_once(const MessagePtr& message, PeerId to, bool keeps) {
  std::string& out = post_.out(to);
  const std::size_t begun = begin_frame(PeerFrameKind::once, post_.core().id().value, out);
  append_whole_form(lane_id(kSmall), out);
  append_once_head(keeps, out);
  append_message_head(*message, post_.core().now_ms(), out);
  out.append(as_text(message->payload()));
  end_frame(begun, out);
}

bool PeerGate::is_congested() const {
  return lanes_[kSmall].bytes() + lanes_[kLarge].bytes() > kKeptBytesMax ||
         kept() > kKeptMessagesMax || post_.is_congested();
}

void PeerGate::on_settled(LaneId lane, std::uint64_t key, routing::Publication* publication) {
  if (publication != nullptr) settled_.push_back(publication);
  if (lane == lane_id(kLarge)) {
    const auto at = large_keys_.find(key);
    if (--at->second == 0) large_keys_.erase(at);
  } else if (!held_.empty()) {
    const auto at = held_.find(key);
    if (at != held_.end() && --at->second == 0) {
      held_.erase(at);
      is_released_ = true;
    }
  }
  post_.core().at_turn_end(*this);
}

void PeerGate::on_stored(routing::Publication* publication) {
  settled_.push_back(publication);
  post_.core().at_turn_end(*this);
}

bool PeerGate::is_held(LaneId lane, std::uint64_t key) const {
  return !held_.empty() && lane == lane_id(kLarge) && held_.contains(key);
}

// --- in ---

void PeerGate::on_frame(PeerId from, const PeerFrame& frame) {
  if (frame.kind == PeerFrameKind::confirmed) return on_confirmed(from, frame.bytes);
  const auto form = read_form(frame.bytes);
  if (!form) return counters_.broken.add();
  if (!form->is_part) return on_body(from, frame.kind, form->lane, form->rest, {});
  // Room for more as soon as a part is here.
  taken_.push_back({from, post_.info(from).incarnation, {form->lane, 0, 0, form->rest.size()}});
  post_.core().at_turn_end(*this);
  PartJoiner& joiner = joiners_[std::uint32_t{from.value} << 16 | form->lane];
  const auto whole = joiner.add(*form);
  if (!whole) return;
  on_body(from, frame.kind, form->lane, whole->bytes(), SharedPtr<SharedBlock>::share(whole.get()));
}

void PeerGate::on_body(PeerId from, PeerFrameKind kind, LaneId lane, ByteView body,
                       const SharedPtr<SharedBlock>& owner) {
  if (kind == PeerFrameKind::once) {
    on_once(body, owner);
  } else {
    on_publish(from, lane, body, owner);
  }
}

void PeerGate::on_once(ByteView body, const SharedPtr<SharedBlock>& owner) {
  const auto once = read_once(body, post_.core().now_ms(), owner);
  if (!once) return counters_.broken.add();
  counters_.once_received.add();
  router_.arrived_once(once->message, once->keeps);
}

void PeerGate::on_publish(PeerId from, LaneId lane, ByteView body,
                          const SharedPtr<SharedBlock>& owner) {
  const auto publish = read_publish(body, post_.core().now_ms(), owner);
  if (!publish) return counters_.broken.add();
  counters_.received.add();
  const std::uint64_t incarnation = post_.info(from).incarnation;
  bring(from, incarnation, lane, publish->head, publish->message);
  if (!publish->head.is_volatile) return;
  inbound_.arrived_volatile(from, incarnation, lane, publish->head.number, publish->message,
                            publish->head.is_late, publish->head.source);
}

void PeerGate::to_this_node(LaneId lane, const PublishHead& head, const MessagePtr& message) {
  bring(kThisNode, post_.cluster().incarnation(), lane, head, message);
}

PeerId PeerGate::peer_of(std::uint64_t life) const {
  const auto at = std::find(living_.begin(), living_.end(), life);
  return life == 0 || at == living_.end()
             ? kNoPeer
             : PeerId{static_cast<std::uint16_t>(at - living_.begin())};
}

bool PeerGate::is_over(std::uint64_t life) const {
  if (life == own_life() || peer_of(life) != kNoPeer) return false;
  const cluster::ClusterStatus status = post_.cluster().status();
  if (!status.coordinator_reached) return false;
  return std::none_of(status.nodes.begin(), status.nodes.end(), [&](const auto& node) {
    return node.is_alive && hash64(node.record.name, node.record.incarnation) == life;
  });
}

std::uint64_t PeerGate::own_life() const {
  if (own_life_ == 0) {
    cluster::PeerInfo self;
    self.name = post_.cluster().status().self;
    self.incarnation = post_.cluster().incarnation();
    own_life_ = life_of(self);
  }
  return own_life_;
}

// Who has it from its publisher, as this node knows them.
routing::Router::Told PeerGate::told_of(PeerId from, const PublishHead& head,
                                        const routing::Message& message) {
  routing::Router::Told told;
  if (!head.told) return told;
  told.shards = head.told->shards;
  told.nodes = std::uint64_t{1} << from.value;
  const std::vector<std::uint64_t>& lives = head.told->lives;
  const auto is_told = [&](std::uint64_t life) {
    return std::find(lives.begin(), lives.end(), life) != lives.end();
  };
  for (std::uint16_t id = 1; id < kPeersMax; ++id) {
    if (is_told(lives_[id])) told.nodes |= std::uint64_t{1} << id;
  }
  if (from == kThisNode) {
    told.cores = head.told->cores;
  } else if (is_told(own_life())) {
    told.cores = router_.table().volatiles.candidates(message.topic());
  }
  return told;
}

// To the cores of its shards.
void PeerGate::bring(PeerId from, std::uint64_t incarnation, LaneId lane, const PublishHead& head,
                     const MessagePtr& message) {
  const std::uint64_t life = from == kThisNode ? own_life() : lives_[from.value];
  const routing::Source source =
      head.source.value_or(routing::Source::of_node(life, CoreId{lane}, head.number));
  const routing::Router::Told told = told_of(from, head, *message);
  for (const PublishHead::Shard& to : head.shards) {
    const Arrived one{from,         incarnation,   lane, head.number, to,
                      head.is_late, head.is_early, told, message,     source};
    const CoreId home = cores_.of(ShardId{to.id}).id();
    if (home == post_.core().id()) {
      inbound_.arrived(one);
    } else {
      outboxes_[home.value].push_back(one);
    }
  }
  post_.core().at_turn_end(*this);
}

void PeerGate::on_confirmed(PeerId from, ByteView bytes) {
  const auto all = read_confirmed(bytes);
  if (!all) return counters_.broken.add();
  for (const Confirmed& one : *all) {
    if (core_of_lane(one.lane) != post_.core().id().value) continue;
    lanes_[one.lane % kLanesPerCore].on_confirmed(from, one);
  }
  post_.core().at_turn_end(*this);
}

void PeerGate::confirmed_here(const std::vector<Confirmed>& all) {
  for (const Confirmed& one : all) {
    lanes_[one.lane % kLanesPerCore].on_confirmed(kThisNode, one);
  }
  post_.core().at_turn_end(*this);
}

// --- at the end of a turn ---

void PeerGate::on_turn_end() {
  for (Outbound& lane : lanes_) lane.send_due();
  for (std::uint16_t to = 0; to < outboxes_.size(); ++to) {
    if (outboxes_[to].empty()) continue;
    PeerGate* gate = gates_.gates[to];
    cores_.at(CoreId{to}).post([gate, all = std::exchange(outboxes_[to], {})] {
      for (const Arrived& one : all) gate->inbound_.arrived(one);
    });
  }
  send_confirmations();
  for (routing::Publication* publication : std::exchange(settled_, {})) {
    router_.confirm({publication, post_.core().id()});
  }
  if (std::exchange(is_released_, false)) lanes_[kLarge].on_released();
  counters_.frames_sent.set(lanes_[kSmall].frames() + lanes_[kLarge].frames());
  counters_.kept_messages.set(kept());
  counters_.kept_bytes.set(lanes_[kSmall].bytes() + lanes_[kLarge].bytes());
}

// One frame for each core of each node.
void PeerGate::send_confirmations() {
  std::vector<Confirmation> all = inbound_.take_news();
  all.insert(all.end(), taken_.begin(), taken_.end());
  taken_.clear();
  const auto before = [](const Confirmation& a, const Confirmation& b) {
    return std::pair(a.to.value, core_of_lane(a.what.lane)) <
           std::pair(b.to.value, core_of_lane(b.what.lane));
  };
  std::stable_sort(all.begin(), all.end(), before);
  for (std::size_t from = 0, to = 0; from < all.size(); from = to) {
    while (to < all.size() && !before(all[from], all[to])) ++to;
    confirm_peer(all, from, to);
  }
}

void PeerGate::confirm_peer(const std::vector<Confirmation>& all, std::size_t from,
                            std::size_t to) {
  const PeerId peer = all[from].to;
  const std::uint16_t core = core_of_lane(all[from].what.lane);
  if (peer == kThisNode) {
    std::vector<Confirmed> here;
    for (std::size_t i = from; i < to; ++i) here.push_back(all[i].what);
    PeerGate* gate = gates_.gates[core];
    if (gate == this) return confirmed_here(here);
    cores_.at(CoreId{core}).post([gate, here = std::move(here)] { gate->confirmed_here(here); });
    return;
  }
  if (!post_.is_up(peer)) return;
  std::string& out = post_.out(peer);
  const std::size_t begun = begin_frame(PeerFrameKind::confirmed, core, out);
  for (std::size_t i = from; i < to; ++i) {
    // What an earlier process sent is none of this one's.
    if (all[i].incarnation != post_.info(peer).incarnation) continue;
    append_confirmed(all[i].what, out);
  }
  end_frame(begun, out);
}

}  // namespace roost::gates
