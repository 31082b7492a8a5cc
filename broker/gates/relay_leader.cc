// SPDX-License-Identifier: Apache-2.0
// CONNECTs at the leader. Claims and what fronts report of them: relay_claims.cc.
#include "broker/gates/relay_leader.h"

#include <utility>

#include "broker/base/check.h"
#include "broker/mqtt/decode.h"

namespace roost::gates {

using mqtt::ReasonCode;

RelayLeader::~RelayLeader() = default;

// Null: this node doesn't lead it. What an earlier epoch left behind is over.
RelayLeader::Led* RelayLeader::led(ShardId shard) {
  if (!sessions().leads(shard)) return nullptr;
  const std::uint64_t epoch = sessions().log().epoch(shard);
  Led& led = led_[shard.value];
  if (led.epoch != epoch) {
    end(shard, led);
    led.epoch = epoch;
    led.awaited = 1;  // this node
    for (const auto& [front, incarnation] : fronts_) led.awaited |= 1ULL << front.value;
  }
  return &led;
}

void RelayLeader::leader_changed(ShardId shard) {
  const auto at = led_.find(shard.value);
  if (at == led_.end()) return;
  if (sessions().leads(shard) && sessions().log().epoch(shard) == at->second.epoch) return;
  end(shard, at->second);
  led_.erase(shard.value);
}

// Fronts send off who was relayed here, some at a time.
void RelayLeader::end(ShardId shard, Led& led) {
  for (const auto& [client_id, link] : std::exchange(led.links, {})) link->moved();
  Turns turns = std::exchange(led.turns, {});
  led.claims = {};
  for (auto& [client_id, turn] : turns) {
    if (turn->waits_for) waits_.erase(*turn->waits_for);
    for (const Opening& opening : turn->openings) {
      counters_.refused.add();
      answer(opening.key.front, shard, RelayRefused{opening.key.relay});
    }
  }
  std::erase_if(arriving_, [&](const auto& each) {
    if (each.second.shard != shard) return false;
    answer(each.first.front, shard, RelayRefused{each.first.relay});
    return true;
  });
}

// --- CONNECT ---

void RelayLeader::receive(PeerId from, ShardId shard, const RelayOpen& frame) {
  Led* const led = this->led(shard);
  if (led == nullptr || frame.epoch > led->epoch) {
    counters_.refused.add();
    answer(from, shard, RelayRefused{frame.relay});
    return;
  }
  const RelayKey key{from, frame.relay};
  const std::uint64_t session = from == kThisNode ? 0 : post_.info(from).session;
  arriving_.insert_or_assign(key, Opening{key, session, shard, frame, {}});
}

void RelayLeader::receive(PeerId from, ShardId shard, const RelayData& frame) {
  const RelayKey key{from, frame.relay};
  if (const auto link = links_.find(key); link != links_.end()) [[likely]] {
    link->second->receive(frame.bytes);
    return;
  }
  const auto at = arriving_.find(key);
  if (at == arriving_.end()) return;  // refused, or over
  Opening& opening = at->second;
  opening.connect.insert(opening.connect.end(), frame.bytes.begin(), frame.bytes.end());
  if (opening.connect.size() < opening.facts.connect_size) return;
  Opening whole = std::move(opening);
  arriving_.erase(at);
  if (Led* const led = this->led(shard)) {
    enqueue(*led, std::move(whole));
  } else {
    counters_.refused.add();
    answer(from, shard, RelayRefused{frame.relay});
  }
}

void RelayLeader::open_here(ShardId shard, const RelayOpen& open, ByteView connect) {
  Led* const led = this->led(shard);
  if (led == nullptr || open.epoch > led->epoch) {
    counters_.refused.add();
    front_->receive(kThisNode, shard, RelayRefused{open.relay});
    return;
  }
  enqueue(*led, {{kThisNode, open.relay}, 0, shard, open, {connect.begin(), connect.end()}});
}

void RelayLeader::enqueue(Led& led, Opening opening) {
  std::string client_id(mqtt::peek_client_id(opening.connect));
  if (client_id.empty()) client_id = opening.facts.assigned_client_id;
  auto at = led.turns.find(client_id);
  if (at == led.turns.end()) {
    auto turn = std::make_unique<Turn>(*this, opening.shard, std::move(client_id));
    const std::string_view key = turn->client_id;
    at = led.turns.emplace(key, std::move(turn)).first;
  }
  Turn& turn = *at->second;
  turn.openings.push_back(std::move(opening));
  if (turn.openings.size() == 1) next(led, turn);
}

// Goes on with the first CONNECT that waits, as far as it can be gone.
void RelayLeader::next(Led& led, Turn& turn) {
  while (!turn.openings.empty()) {
    if (!is_there(turn.openings.front())) {
      turn.openings.pop_front();
      continue;
    }
    if (!end_older(led, turn)) break;
    decide(led, turn);
    if (turn.is_recording) return;
  }
  if (!turn.waits_for) {
    retire(led, turn);
    return;
  }
  waits_[*turn.waits_for] = &turn;
  core().timers().arm(turn, core().now_ms() + kClosedWithinMs);
}

bool RelayLeader::is_there(const Opening& opening) const {
  const PeerId front = opening.key.front;
  return front == kThisNode || (post_.is_up(front) && post_.info(front).session == opening.session);
}

void RelayLeader::retire(Led& led, Turn& turn) {
  const auto at = led.turns.find(turn.client_id);
  turn_graveyard_.push_back(std::move(at->second));
  led.turns.erase(at);
  core().at_turn_end(*this);
}

// False: an older connection is not closed yet. Nothing is answered before it is.
bool RelayLeader::end_older(Led& led, Turn& turn) {
  if (session::Session* older = sessions().live(turn.client_id)) {
    sessions().counters().takeovers.add();
    older->kick(ReasonCode::session_taken_over, session::kTakenOver);
  }
  if (close_claim(led, turn)) return false;
  const auto link = led.links.find(turn.client_id);
  if (link == led.links.end()) return true;
  turn.waits_for = link->second->key();
  return false;
}

// True: its front is asked, and will say when it is done.
bool RelayLeader::close_claim(Led& led, Turn& turn) {
  const Claim* const found = led.claims.find(turn.client_id);
  if (found == nullptr) return false;
  const Claim claim = *found;
  const RelayClose close{Way::to_front, claim.relay, Goodbye::taken_over,
                         std::string(session::kTakenOver)};
  const bool is_there = claim.front != kThisNode && post_.is_up(claim.front) &&
                        post_.info(claim.front).incarnation == claim.incarnation;
  if (is_there) {
    sessions().counters().takeovers.add();
    say(claim.front, turn.shard, close);
    turn.waits_for = RelayKey{claim.front, claim.relay};
    return true;
  }
  // Out of reach: it learns of it when it says what it has.
  if (claim.front == kThisNode) front_->receive(kThisNode, turn.shard, close);
  if (led.claims.remove(turn.client_id, claim.generation)) {
    went(turn.shard, {{turn.client_id, claim}});
  }
  return false;
}

void RelayLeader::decide(Led& led, Turn& turn) {
  const Opening& opening = turn.openings.front();
  const mqtt::Limits& limits = opening.facts.limits;
  const auto found = mqtt::next_frame(opening.connect, limits.packet_size_max);
  const auto packet = mqtt::decode(found.frame, mqtt::ProtocolVersion::v3_1_1, limits);
  const auto* connect = packet ? std::get_if<mqtt::Connect>(&*packet) : nullptr;
  if (connect == nullptr) {  // its front could read it, so another version's
    answer(
        opening.key.front, turn.shard,
        RelayClose{Way::to_front, opening.key.relay, Goodbye::none, "CONNECT is not understood"});
    turn.openings.pop_front();
    return;
  }
  if (!sessions().runs_at_leader(*connect, turn.client_id)) {
    grant(led, turn, *connect);
    return;
  }
  run_here(led, turn, *connect);
  turn.openings.pop_front();
}

void RelayLeader::run_here(Led& led, Turn& turn, const mqtt::Connect& connect) {
  const Opening& opening = turn.openings.front();
  if (opening.key.front == kThisNode) {
    front_->run_here(turn.shard, opening.key.relay);
    return;
  }
  auto made = std::make_unique<RelayLink>(*this, opening.key, turn.shard, turn.client_id,
                                          opening.facts.limits, led.epoch);
  RelayLink& link = *made;
  link.set_identity(opening.facts.has_identity
                        ? std::make_shared<const auth::Identity>(opening.facts.identity)
                        : nullptr);
  link.set_enhanced(connect, opening.facts);
  links_[opening.key] = std::move(made);
  led.links.erase(turn.client_id);  // its key lies in the older link
  led.links.emplace(link.client_id(), &link);
  link.begin(sessions().connect(connect, link, opening.facts.assigned_client_id, opening.facts.ack),
             connect.version);
}

void RelayLeader::grant(Led& led, Turn& turn, const mqtt::Connect& connect) {
  const bool records = connect.will.has_value() || sessions().is_known(turn.client_id);
  if (!records && !is_certain(turn.shard)) {
    refuse(turn);
    return;
  }
  const Opening& opening = turn.openings.front();
  Claim claim;
  claim.front = opening.key.front;
  claim.incarnation = incarnation_of(claim.front);
  claim.relay = opening.key.relay;
  claim.generation = sessions().next_generation(turn.shard);
  claim.has_record = connect.will.has_value();
  led.claims.add(turn.client_id, claim);
  if (records) {
    session::Door* const door =
        sessions().open_door([this, shard = turn.shard, epoch = led.epoch,
                              client_id = turn.client_id] { recorded(shard, epoch, client_id); });
    sessions().attach_elsewhere(connect, turn.client_id, claim.generation, door);
    turn.is_recording = !sessions().shut_door(door);
    if (turn.is_recording) return;
  }
  const RelayKey key = opening.key;
  turn.openings.pop_front();
  answer(key.front, turn.shard, RelayGranted{key.relay, claim.generation, claim.has_record});
}

bool RelayLeader::is_certain(ShardId shard) const {
  const std::optional<SteadyMs> confirmed_ms = hosts_.confirmed_ms(shard);
  return confirmed_ms && clock_.steady_ms() - *confirmed_ms < kCertainMs;
}

// It is asked again, here or of another one.
void RelayLeader::refuse(Turn& turn) {
  const RelayKey key = turn.openings.front().key;
  turn.openings.pop_front();
  counters_.refused.add();
  answer(key.front, turn.shard, RelayRefused{key.relay});
}

void RelayLeader::recorded(ShardId shard, std::uint64_t epoch, const std::string& client_id) {
  Led* const led = this->led(shard);
  if (led == nullptr || led->epoch != epoch) return;
  const auto at = led->turns.find(client_id);
  if (at == led->turns.end() || !at->second->is_recording) return;
  Turn& turn = *at->second;
  turn.is_recording = false;
  const RelayKey key = turn.openings.front().key;
  turn.openings.pop_front();
  const Claim* const claim = led->claims.find(client_id);
  if (claim != nullptr && claim->front == key.front && claim->relay == key.relay) {
    answer(key.front, shard, RelayGranted{key.relay, claim->generation, claim->has_record});
  }
  next(*led, turn);
}

// --- an older connection is closed, or taken to be ---

void RelayLeader::is_closed(const RelayKey& key) {
  const auto at = waits_.find(key);
  if (at != waits_.end()) resume(*at->second);
}

void RelayLeader::gave_up(Turn& turn) {
  counters_.takeovers_late.add();
  resume(turn);
}

void RelayLeader::resume(Turn& turn) {
  core().timers().cancel(turn);
  const RelayKey key = *std::exchange(turn.waits_for, std::nullopt);
  waits_.erase(key);
  Led* const led = this->led(turn.shard);
  if (led == nullptr) return;  // leader_changed() comes
  const auto link = led->links.find(turn.client_id);
  if (link != led->links.end() && link->second->key() == key) led->links.erase(link);
  const Claim* const claim = led->claims.find(turn.client_id);
  if (claim != nullptr && RelayKey{claim->front, claim->relay} == key) {
    went(turn.shard, {{turn.client_id, *claim}});
    led->claims.remove(turn.client_id, claim->generation);
  }
  next(*led, turn);
}

// --- a relayed client ---

void RelayLeader::receive(PeerId from, ShardId, const RelayCredit& frame) {
  const auto link = links_.find({from, frame.relay});
  if (link != links_.end()) link->second->credited(frame.bytes);
}

void RelayLeader::receive(PeerId from, ShardId shard, const RelayClose& frame) {
  const RelayKey key{from, frame.relay};
  if (links_.contains(key)) {
    drop_link(key, frame.why);
    is_closed(key);
  } else if (Led* const led = this->led(shard)) {
    went(shard, led->claims.remove_relay(from, frame.relay));  // granted too late
  }
}

void RelayLeader::receive(PeerId from, ShardId, const RelayClosed& frame) {
  const RelayKey key{from, frame.relay};
  drop_link(key, "closed by its front");
  is_closed(key);
}

void RelayLeader::drop_link(const RelayKey& key, std::string_view why) {
  const auto at = links_.find(key);
  if (at == links_.end()) return;
  at->second->lost(why);
  if (const auto led = led_.find(at->second->shard().value); led != led_.end()) {
    const auto named = led->second.links.find(at->second->client_id());
    if (named != led->second.links.end() && named->second == at->second.get()) {
      led->second.links.erase(named);
    }
  }
  graveyard_.push_back(std::move(at->second));
  links_.erase(at);
  core().at_turn_end(*this);
}

void RelayLeader::call_later(const RelayLink& link) {
  later_.push_back(link.key());
  if (!armed()) core().timers().arm(*this, core().now_ms() + kLaterMs);
}

void RelayLeader::on_timer() {
  for (const RelayKey& key : std::exchange(later_, {})) {
    const auto link = links_.find(key);
    if (link != links_.end()) link->second->go_on();
  }
}

void RelayLeader::on_turn_end() {
  graveyard_.clear();
  turn_graveyard_.clear();
}

}  // namespace roost::gates
