// SPDX-License-Identifier: Apache-2.0
// The leader's side of clean sessions: what fronts say of them, and fronts that come and go.
#include <algorithm>
#include <utility>

#include "broker/gates/relay_leader.h"

namespace roost::gates {

using session::Departure;

std::uint64_t RelayLeader::incarnation_of(PeerId front) const {
  return front == kThisNode ? post_.cluster().incarnation() : post_.info(front).incarnation;
}

std::size_t RelayLeader::claims() const {
  std::size_t sum = 0;
  for (const auto& [shard, led] : led_) sum += led.claims.size();
  return sum;
}

const Claim* RelayLeader::claim_of(std::string_view client_id) const {
  const auto led = led_.find(gates_.sessions().shard_of(client_id).value);
  return led == led_.end() ? nullptr : led->second.claims.find(client_id);
}

void RelayLeader::receive(PeerId from, ShardId shard, const RelayClaims& frame) {
  Led* const led = this->led(shard);
  if (led == nullptr || led->epoch != frame.epoch) return;
  if (frame.first) led->claims.begin_announcement(from);
  for (const RelayClaims::Entry& entry : frame.entries) claim(shard, *led, from, entry);
  if (!frame.last) return;
  went(shard, led->claims.end_announcement(from));
  heard_of(shard, *led, from);
}

// When all have spoken, who is claimed by none is gone.
void RelayLeader::heard_of(ShardId shard, Led& led, PeerId front) {
  if (led.awaited == 0) return;
  led.awaited &= ~(1ULL << front.value);
  if (led.awaited != 0) return;
  std::vector<Claims::Named> gone;
  sessions().shard(shard).for_each([&](const session::StoredSession& stored) {
    if (stored.durable || !stored.attached) return;
    const Claim* const claim = led.claims.find(stored.client_id());
    if (claim != nullptr && claim->generation == stored.generation) return;
    Claim lost;
    lost.generation = stored.generation;
    lost.has_record = true;
    gone.push_back({std::string(stored.client_id()), lost});
  });
  std::sort(gone.begin(), gone.end(), [](const Claims::Named& a, const Claims::Named& b) {
    return a.claim.generation < b.claim.generation;  // no order of a hash table
  });
  went(shard, gone);
}

// Its will has not been fired: that would have closed its generation.
bool RelayLeader::is_current(const RelayClaims::Entry& entry) const {
  if (!entry.has_record) return true;
  const session::StoredSession* stored = gates_.sessions().stored(entry.client_id);
  return stored != nullptr && stored->generation == entry.generation && stored->attached;
}

void RelayLeader::claim(ShardId shard, Led& led, PeerId from, const RelayClaims::Entry& entry) {
  if (!is_current(entry)) {
    const RelayClose close{Way::to_front, entry.relay, Goodbye::moved, "its will was published"};
    answer(from, shard, close);
    return;
  }
  const Claim claim{from, incarnation_of(from), entry.relay, entry.generation, entry.has_record};
  session::Session* const live = sessions().live(entry.client_id);
  if (live != nullptr && live->generation() > entry.generation) {
    close_losers(shard, {{entry.client_id, claim}});
    return;
  }
  if (live != nullptr && live->generation() < entry.generation) {
    sessions().counters().takeovers.add();
    live->kick(mqtt::ReasonCode::session_taken_over, session::kTakenOver);
  }
  close_losers(shard, led.claims.add(entry.client_id, claim));
}

void RelayLeader::close_losers(ShardId shard, const std::vector<Claims::Named>& losers) {
  for (const Claims::Named& each : losers) {
    answer(each.claim.front, shard,
           RelayClose{Way::to_front, each.claim.relay, Goodbye::taken_over,
                      std::string(session::kTakenOver)});
  }
}

void RelayLeader::receive(PeerId from, ShardId shard, const RelayLeft& frame) {
  Led* const led = this->led(shard);
  if (led == nullptr) return;  // its front says it again, to whoever leads
  led->claims.remove(frame.client_id, frame.generation);
  if (frame.has_record) {
    went(shard, frame, [this, from, shard, relay = frame.relay] {
      answer(from, shard, RelayClosed{Way::to_front, relay});
    });
  }
  is_closed({from, frame.relay});
}

void RelayLeader::went(ShardId shard, const std::vector<Claims::Named>& gone) {
  for (const Claims::Named& each : gone) {
    if (!each.claim.has_record) continue;
    RelayLeft left;
    left.generation = each.claim.generation;
    left.client_id = each.client_id;
    went(shard, left, {});
  }
}

// In the log, as its coming was; its will is published or thrown away by that.
void RelayLeader::went(ShardId shard, const RelayLeft& left, core::Task then) {
  session::DetachedRecord record;
  record.client_id = left.client_id;
  record.generation = left.generation;
  record.now_ms = sessions().shard_time_of(left.client_id);
  record.will = left.departure == Departure::normal ? session::DetachedRecord::WillFate::discarded
                                                    : session::DetachedRecord::WillFate::kept;
  session::Door* const door = then ? sessions().open_door(std::move(then)) : nullptr;
  if (door != nullptr) ++door->left;
  sessions().append(shard, std::move(record), door);
  if (door != nullptr) sessions().shut_door(door);
}

// --- fronts ---

void RelayLeader::peer_down(PeerId peer) {
  std::vector<RelayKey> keys;
  for (const auto& [key, link] : links_) {
    if (key.front == peer) keys.push_back(key);
  }
  for (const RelayKey& key : keys) drop_link(key, "front lost");
  std::erase_if(arriving_, [&](const auto& each) { return each.first.front == peer; });
  std::vector<RelayKey> waited;
  for (const auto& [key, turn] : waits_) {
    if (key.front == peer) waited.push_back(key);
  }
  for (const RelayKey& key : waited) is_closed(key);
}

void RelayLeader::peer_up(PeerId peer, std::uint64_t incarnation) {
  fronts_[peer] = incarnation;
  for (auto& [shard, led] : led_) {
    if (led.awaited != 0) led.awaited |= 1ULL << peer.value;
  }
}

void RelayLeader::peer_gone(PeerId peer, std::uint64_t incarnation) {
  const auto front = fronts_.find(peer);
  const bool is_newest = front != fronts_.end() && front->second == incarnation;
  if (is_newest) fronts_.erase(front);
  for (auto& [id, led] : led_) {
    const ShardId shard{id};
    if (!sessions().leads(shard) || sessions().log().epoch(shard) != led.epoch) continue;
    went(shard, led.claims.remove_front(peer, incarnation));
    if (is_newest) heard_of(shard, led, peer);
  }
}

}  // namespace roost::gates
