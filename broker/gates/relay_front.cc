// SPDX-License-Identifier: Apache-2.0
// A client's way through the front. What happens when leaders change: front_leaders.cc.
#include "broker/gates/relay_front.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/gates/gates.h"

namespace roost::gates {

using State = FrontClient::State;

RelayFront::RelayFront(Gates& gates, PeerPost& post, const LeaderView& leaders, RelayLeader& leader,
                       const RelaySettings& settings)
    : gates_(gates), post_(post), leaders_(leaders), leader_(leader), settings_(settings) {}

RelayFront::~RelayFront() = default;

FrontClient* RelayFront::find(ShardId shard, RelayNumber number, PeerId from) {
  if (shard.value >= clients_.size()) return nullptr;
  const auto at = of(shard).find(number);
  return at != of(shard).end() && at->second->leader == from ? at->second.get() : nullptr;
}

// --- CONNECT ---

void RelayFront::open(ClientGate& gate, ByteView connect, std::string_view client_id,
                      std::string_view assigned_client_id) {
  auto made = std::make_unique<FrontClient>();
  FrontClient& client = *made;
  client.client_id = client_id.empty() ? assigned_client_id : client_id;
  client.shard = gates_.sessions().shard_of(client.client_id);
  client.gate = &gate;
  client.asking = std::make_unique<FrontClient::Asking>();
  client.asking->connect.assign(connect.begin(), connect.end());
  client.asking->assigned_client_id = assigned_client_id;
  client.asking->since_ms = gates_.core().now_ms();
  client.number = next_number();
  of(client.shard).emplace(client.number, std::move(made));
  gate.set_client(&client);
  ask(client);
}

// The client may be gone when this returns.
void RelayFront::ask(FrontClient& client) {
  const PeerId leader = leaders_.leader_of(client.shard);
  if (leader == kNoPeer || (leader != kThisNode && !post_.is_up(leader))) {
    wait(client);
    return;
  }
  number_anew(client);
  client.state = State::asked;
  client.leader = leader;
  client.epoch = leaders_.epoch_of(client.shard);
  const FrontClient::Asking& asking = *client.asking;
  RelayOpen open;
  open.relay = client.number;
  open.epoch = client.epoch;
  open.connect_size = static_cast<std::uint32_t>(asking.connect.size());
  open.limits = client.gate->listener().limits;
  open.ack = client.gate->listener().ack;
  open.assigned_client_id = asking.assigned_client_id;
  if (const auth::IdentityPtr& identity = client.gate->identity(); identity != nullptr) {
    open.has_identity = true;
    open.identity = *identity;
  }
  open.authentication_data = client.gate->data_for_connack();
  if (leader == kThisNode) {
    leader_.open_here(client.shard, open, asking.connect);
    return;
  }
  tell(client, open);
  for (ByteView rest = asking.connect; !rest.empty();) {
    const std::size_t size = std::min(rest.size(), kRelayDataMax);
    tell(client, RelayData{Way::to_leader, client.number, rest.first(size)});
    rest = rest.subspan(size);
  }
}

// Answers to what was asked before are no answers to this.
void RelayFront::number_anew(FrontClient& client) {
  auto node = of(client.shard).extract(client.number);
  client.number = next_number();
  node.key() = client.number;
  of(client.shard).insert(std::move(node));
}

// An answer that came too late.
void RelayFront::not_wanted(PeerId leader, ShardId shard, RelayNumber relay) {
  const RelayClose close{Way::to_leader, relay, Goodbye::none, "asked elsewhere meanwhile"};
  if (leader == kThisNode) {
    leader_.receive(kThisNode, shard, close);
  } else {
    add_relay_frame(shard, close, post_.out(leader));
  }
}

void RelayFront::wait(FrontClient& client) {
  client.state = State::waiting;
  client.leader = kNoPeer;
  waiting_.emplace_back(client.shard, client.number);
  if (!armed()) gates_.core().timers().arm(*this, gates_.core().now_ms() + kTickMs);
}

void RelayFront::receive(PeerId from, ShardId shard, const RelayRefused& frame) {
  FrontClient* const client = find(shard, frame.relay, from);
  if (client == nullptr || client->state != State::asked) return;
  if (client->gate == nullptr) {
    erase(*client);
  } else {
    wait(*client);
  }
}

void RelayFront::run_here(ShardId shard, RelayNumber relay) {
  FrontClient* const client = find(shard, relay, kThisNode);
  if (client == nullptr) return;
  ClientGate* const gate = client->gate;
  const std::unique_ptr<FrontClient::Asking> asking = std::move(client->asking);
  erase(*client);
  if (gate == nullptr) return;
  gate->set_client(nullptr);
  gate->begin_here(asking->connect, asking->assigned_client_id);
}

void RelayFront::receive(PeerId from, ShardId shard, const RelayGranted& frame) {
  FrontClient* const client = find(shard, frame.relay, from);
  if (client == nullptr || client->state != State::asked) {
    not_wanted(from, shard, frame.relay);
    return;
  }
  client->state = State::granted;
  client->generation = frame.generation;
  client->has_record = frame.has_record;
  const std::unique_ptr<FrontClient::Asking> asking = std::move(client->asking);
  counters_.granted.add();
  if (client->gate == nullptr) {  // it didn't wait
    gone(*client);
  } else {
    client->gate->begin_granted(asking->connect, asking->assigned_client_id, frame.generation);
  }
}

void RelayFront::receive(PeerId from, ShardId shard, const RelayOpened& frame) {
  FrontClient* const client = find(shard, frame.relay, from);
  if (client == nullptr || client->state != State::asked) {
    not_wanted(from, shard, frame.relay);
    return;
  }
  client->epoch = frame.epoch;
  if (client->gate == nullptr) {  // it didn't wait
    tell(*client, RelayClose{Way::to_leader, client->number, Goodbye::none, "connection closed"});
    erase(*client);
    return;
  }
  client->state = State::relayed;
  client->window = kRelayWindow;
  counters_.relayed.add();
  const std::unique_ptr<FrontClient::Asking> asking = std::move(client->asking);
  client->gate->begin_relayed(asking->connect, asking->assigned_client_id);
}

// --- a relayed client ---

std::size_t RelayFront::take(FrontClient& client, ByteView bytes) {
  if (client.state != State::relayed) return 0;
  const std::size_t size = std::min<std::uint64_t>(bytes.size(), client.window);
  for (ByteView rest = bytes.first(size); !rest.empty();) {
    const std::size_t piece = std::min(rest.size(), kRelayDataMax);
    tell(client, RelayData{Way::to_leader, client.number, rest.first(piece)});
    rest = rest.subspan(piece);
  }
  client.window -= size;
  if (client.window == 0) {
    client.is_blocked = true;
    client.gate->pause_reading();
  }
  return size;
}

void RelayFront::receive(PeerId from, ShardId shard, const RelayCredit& frame) {
  FrontClient* const client = find(shard, frame.relay, from);
  if (client == nullptr || client->state != State::relayed) return;
  client->window = std::min(client->window + frame.bytes, kRelayWindow);
  if (std::exchange(client->is_blocked, false)) client->gate->resume_reading();
}

void RelayFront::receive(PeerId from, ShardId shard, const RelayData& frame) {
  FrontClient* const client = find(shard, frame.relay, from);
  if (client == nullptr || client->state != State::relayed) return;
  client->taken += frame.bytes.size();
  if (client->gate->write(frame.bytes) && client->taken >= kRelayCreditMin) drained(*client);
}

void RelayFront::drained(FrontClient& client) {
  if (client.state != State::relayed || client.taken == 0) return;
  tell(client, RelayCredit{Way::to_leader, client.number, std::exchange(client.taken, 0)});
}

// --- the end ---

void RelayFront::lost(FrontClient& client, std::string_view why) {
  client.gate = nullptr;
  switch (client.state) {
    case State::waiting:
      erase(client);
      return;
    case State::asked:  // until the answer: then it is known what to end
      return;
    case State::granted:
      gone(client);
      return;
    case State::relayed:
      counters_.relayed.sub();
      tell(client, RelayClose{Way::to_leader, client.number, Goodbye::none, std::string(why)});
      erase(client);
      return;
    case State::left:
      CHECK(false);
  }
}

// A clean session ended. What stands in the shard must end there too, so that is said until it is
// confirmed.
void RelayFront::gone(FrontClient& client) {
  counters_.granted.sub();
  client.state = State::left;
  say_left(client);  // its answer comes later: a record is committed in between
  if (!client.has_record) erase(client);
}

void RelayFront::say_left(const FrontClient& client) {
  tell(client, RelayLeft{client.number, client.generation, client.departure, client.has_record,
                         client.client_id});
}

void RelayFront::receive(PeerId from, ShardId shard, const RelayClosed& frame) {
  FrontClient* const client = find(shard, frame.relay, from);
  if (client != nullptr && client->state == State::left) erase(*client);
}

// The session is over, or somebody else has the client id.
void RelayFront::receive(PeerId from, ShardId shard, const RelayClose& frame) {
  FrontClient* const client = find(shard, frame.relay, from);
  if (client != nullptr && client->gate != nullptr) {
    ClientGate& gate = *client->gate;
    if (client->state == State::granted) {
      gate.kick(frame.goodbye == Goodbye::moved ? mqtt::ReasonCode::server_shutting_down
                                                : mqtt::ReasonCode::session_taken_over,
                frame.why);  // and it is gone()
    } else if (client->state == State::relayed && frame.goodbye == Goodbye::moved) {
      send_off(*client, mqtt::ReasonCode::server_shutting_down);
    } else {
      if (client->state == State::relayed) counters_.relayed.sub();
      erase(*client);
      gate.set_client(nullptr);
      gate.close(frame.why);
    }
  } else if (client != nullptr && client->state == State::asked) {
    erase(*client);
  }
  if (from != kThisNode) {
    add_relay_frame(shard, RelayClosed{Way::to_leader, frame.relay}, post_.out(from));
  }
}

}  // namespace roost::gates
