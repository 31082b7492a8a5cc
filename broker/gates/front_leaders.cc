// SPDX-License-Identifier: Apache-2.0
// The front when leaders come, change and go.
#include <algorithm>
#include <utility>

#include "broker/gates/gates.h"
#include "broker/gates/relay_front.h"

namespace roost::gates {

using State = FrontClient::State;

// In the order of their coming, so that CONNECTs of one client id keep it.
std::vector<FrontClient*> RelayFront::in_order(const Clients& clients) {
  std::vector<FrontClient*> ordered;
  ordered.reserve(clients.size());
  for (const auto& [number, client] : clients) ordered.push_back(client.get());
  std::sort(ordered.begin(), ordered.end(),
            [](const FrontClient* a, const FrontClient* b) { return a->number < b->number; });
  return ordered;
}

void RelayFront::leader_changed(ShardId shard, PeerId leader, std::uint64_t epoch) {
  if (leader != kNoPeer) announce(shard, leader, epoch);
  for (FrontClient* client : in_order(of(shard))) {
    const bool is_same = client->leader == leader && client->epoch == epoch;
    switch (client->state) {
      case State::waiting:
        break;
      case State::asked:
        if (is_same) break;
        if (client->gate == nullptr) {
          erase(*client);
        } else {
          wait(*client);
        }
        break;
      case State::relayed:  // R1: nothing of an older epoch counts any more
        if (leader != kNoPeer && !is_same && client->epoch < epoch)
          send_off(*client, mqtt::ReasonCode::server_shutting_down);
        break;
      case State::granted:
      case State::left:
        break;
    }
  }
  if (leader != kNoPeer) ask_again();
}

// Before anything is asked of that leader, so that no grant is older than what is said here.
void RelayFront::announce(ShardId shard, PeerId leader, std::uint64_t epoch) {
  std::vector<RelayNumber> left;
  for (FrontClient* client : in_order(of(shard))) {
    if (client->state != State::granted && client->state != State::left) continue;
    client->leader = leader;
    client->epoch = epoch;
    if (client->state == State::left) left.push_back(client->number);
  }
  const std::vector<RelayClaims> all = claims_of(shard, epoch);
  for (const RelayNumber number : left) say_left(*of(shard).at(number));
  for (const RelayClaims& claims : all) {
    if (leader == kThisNode) {
      leader_.receive(kThisNode, shard, claims);
    } else {
      add_relay_frame(shard, claims, post_.out(leader));
    }
  }
}

std::vector<RelayClaims> RelayFront::claims_of(ShardId shard, std::uint64_t epoch) {
  std::vector<RelayClaims> all(1);
  std::size_t bytes = 0;
  for (const FrontClient* client : in_order(of(shard))) {
    if (client->state != State::granted) continue;
    if (bytes >= kClaimsBytesMax) {
      all.emplace_back();
      bytes = 0;
    }
    all.back().entries.push_back(
        {client->number, client->generation, client->has_record, client->client_id});
    bytes += client->client_id.size() + sizeof(RelayClaims::Entry);
  }
  for (RelayClaims& claims : all) {
    claims.epoch = epoch;
    claims.first = &claims == &all.front();
    claims.last = &claims == &all.back();
  }
  return all;
}

void RelayFront::peer_down(PeerId peer) {
  if (!post_.has_peers()) {
    alone_since_ms_ = gates_.core().now_ms();
    if (!armed()) gates_.core().timers().arm(*this, gates_.core().now_ms() + kTickMs);
  }
  for (const Clients& clients : clients_) {
    for (FrontClient* client : in_order(clients)) {
      if (client->leader != peer) continue;
      if (client->state == State::relayed) {
        send_off(*client, mqtt::ReasonCode::server_shutting_down);
      } else if (client->state == State::asked && client->gate == nullptr) {
        erase(*client);
      } else if (client->state == State::asked) {
        wait(*client);
      } else {
        client->leader = kNoPeer;
      }
    }
  }
}

// --- sending off ---

// It is not read any more; what the leader wrote still goes out. Its session is not ours to end.
ClientGate& RelayFront::detach(FrontClient& client) {
  counters_.relayed.sub();
  counters_.sent_off.add();
  ClientGate& gate = *client.gate;
  gate.set_client(nullptr);
  gate.begin_leaving();
  if (post_.is_up(client.leader)) {
    tell(client, RelayClose{Way::to_leader, client.number, Goodbye::none, "leader changed"});
  }
  erase(client);
  return gate;
}

void RelayFront::send_off(FrontClient& client, mqtt::ReasonCode reason) {
  leaving_.push_back({detach(client).serial(), reason, false});
  if (!armed()) gates_.core().timers().arm(*this, gates_.core().now_ms() + kTickMs);
}

void RelayFront::send_off_some(std::size_t count, mqtt::ReasonCode reason) {
  std::vector<FrontClient*> chosen;
  for (const Clients& clients : clients_) {
    for (const auto& [number, client] : clients) {
      if (chosen.size() == count) break;
      if (client->state == State::relayed) chosen.push_back(client.get());
    }
  }
  for (FrontClient* client : chosen) detach(*client).send_off(reason, settings_.server_reference);
}

void RelayFront::send_off_next() {
  owed_ += std::uint64_t{settings_.send_off_per_s} * kTickMs;
  for (; owed_ >= 1000 && !leaving_.empty(); leaving_.pop_front()) {
    ClientGate* const gate = gates_.find(leaving_.front().serial);
    if (gate == nullptr) continue;  // it went by itself
    const Leaving& leaving = leaving_.front();
    if (leaving.is_led_here) {
      gate->kick(leaving.reason, "this node is cut off from the cluster");
    } else {
      gate->send_off(leaving.reason, settings_.server_reference);
    }
    owed_ -= 1000;
  }
  if (leaving_.empty()) owed_ = 0;
}

// --- waiting ---

void RelayFront::ask_again() {
  for (const auto& [shard, number] : std::exchange(waiting_, {})) {
    const auto at = of(shard).find(number);
    if (at == of(shard).end() || at->second->state != State::waiting) continue;
    FrontClient& client = *at->second;
    if (has_waited(client)) {
      give_up(client);
    } else {
      ask(client);
    }
  }
}

// Of a node that is cut off the client had better try another one.
bool RelayFront::has_waited(const FrontClient& client) const {
  const SteadyMs now_ms = gates_.core().now_ms();
  const bool is_alone = alone_since_ms_ != 0 && now_ms - alone_since_ms_ >= settings_.alone_ms;
  return is_alone || now_ms - client.asking->since_ms >= settings_.unserved_ms;
}

void RelayFront::give_up(FrontClient& client) {
  counters_.unserved.add();
  ClientGate& gate = *client.gate;
  const std::vector<std::uint8_t> connect = client.asking->connect;
  gate.set_client(nullptr);
  lost(client, "no leader");
  gate.refuse_unserved(connect);
}

// Sessions in its shards are others' by now: with a living connection here they would wait until it
// is back. Clean ones stay. Where the coordinator is reached the others are dead, and so nobody
// else serves them.
void RelayFront::look_if_cut_off() {
  const SteadyMs now_ms = gates_.core().now_ms();
  if (is_cut_off_ || alone_since_ms_ == 0 || now_ms - alone_since_ms_ < settings_.alone_ms) return;
  is_cut_off_ = !post_.cluster().status().coordinator_reached;
  if (!is_cut_off_) return;
  for (const std::uint64_t serial : gates_.with_durable_sessions()) {
    counters_.sent_off.add();
    leaving_.push_back({serial, mqtt::ReasonCode::server_shutting_down, true});
  }
}

void RelayFront::on_timer() {
  ask_again();
  look_if_cut_off();
  send_off_next();
  const bool is_alone = alone_since_ms_ != 0 && !is_cut_off_;
  if (armed() || (waiting_.empty() && leaving_.empty() && !is_alone)) return;
  gates_.core().timers().arm(*this, gates_.core().now_ms() + kTickMs);
}

}  // namespace roost::gates
