// SPDX-License-Identifier: Apache-2.0
#include "broker/session/session_table.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/hash.h"
#include "broker/session/will.h"

namespace roost::session {

SessionTable::SessionTable(core::Core& core, core::Cores& cores, routing::RoutingTable& routing,
                           SessionTables& tables)
    : core_(core),
      cores_(cores),
      tables_(tables),
      router_(core, cores, routing, *this),
      volatile_interest_(routing.feed == nullptr
                             ? routing::InterestWriter(routing.volatiles, core.id().value)
                             : routing::InterestWriter(routing.volatiles, core.id().value,
                                                       *routing.feed, routing::kVolatiles)),
      durable_interest_(routing.durables, core.id().value),
      shards_(routing.shard_count),
      is_in_cluster_(routing.feed != nullptr),
      ticked_(routing.shard_count) {
  tables.retained_room.open(routing.shard_count);
  for (std::uint16_t id = 0; id < routing.shard_count; ++id) {
    if (&cores.of(ShardId{id}) == &core) {
      shards_[id] = std::make_unique<ShardState>(ShardId{id}, *this);
    }
  }
}

SessionTable::~SessionTable() = default;

ShardId SessionTable::shard_of(std::string_view key) const {
  return roost::shard_of(key, static_cast<std::uint16_t>(shards_.size()));
}

Session* SessionTable::live(std::string_view client_id) const {
  const auto at = live_.find(client_id);
  return at == live_.end() ? nullptr : at->second.get();
}

Session* SessionTable::live(std::string_view client_id, const Generation& generation) const {
  Session* session = live(client_id);
  return session != nullptr && session->generation() == generation ? session : nullptr;
}

const StoredSession* SessionTable::stored(std::string_view client_id) const {
  const auto& shard = shards_[shard_of(client_id).value];
  return shard == nullptr ? nullptr : shard->find(client_id);
}

std::int64_t SessionTable::offset_of(std::string_view client_id) const {
  return shards_[shard_of(client_id).value]->offset_ms();
}

ShardMs SessionTable::shard_time_of(std::string_view client_id) const {
  return shards_[shard_of(client_id).value]->now_ms(core_.now_ms());
}

// --- start-up ---

void SessionTable::replay(ShardId id, LogIndex index, const Record& record) {
  shard(id).apply(index, record);
}

// --- clients ---

bool SessionTable::runs_at_leader(const mqtt::Connect& connect, std::string_view client_id) const {
  const bool outlives = connect.version == mqtt::ProtocolVersion::v5
                            ? connect.properties.session_expiry_interval_s > 0
                            : !connect.clean_start;
  return outlives || (!connect.clean_start && is_known(client_id));
}

bool SessionTable::is_known(std::string_view client_id) const {
  return stored(client_id) != nullptr || opens_.contains(std::string(client_id));
}

// An older connection of that client id ends.
Session& SessionTable::take_over(std::string_view client_id, Generation generation) {
  DCHECK(core_.is_current());
  if (Session* older = live(client_id)) {
    counters_.takeovers.add();
    older->kick(mqtt::ReasonCode::session_taken_over, kTakenOver);
  }
  auto made = std::make_unique<Session>(*this, client_id, generation);
  Session& session = *made;
  const bool added = live_.emplace(session.client_id(), std::move(made)).second;
  CHECK(added);
  return session;
}

Session& SessionTable::connect(const mqtt::Connect& connect, Link& link,
                               std::string_view assigned_client_id, AckMode ack) {
  const std::string_view client_id =
      connect.client_id.empty() ? assigned_client_id : connect.client_id;
  const ShardId shard = shard_of(client_id);
  CHECK(leads(shard));
  const bool durable = runs_at_leader(connect, client_id);
  const bool is_logged = durable || connect.will || is_known(client_id);
  Session& session = take_over(client_id, next_generation(shard));
  session.attach(connect, link, assigned_client_id, ack);
  if (is_logged) {
    ++opens_[std::string(client_id)];
    constexpr auto kHere = ClientNews::Kind::connected;
    if (wants(kHere)) tell(session.news(kHere, {}), true);
    append(shard, session.attached_record(connect, durable), nullptr);
  } else {
    session.opened(nullptr, false);
  }
  return session;
}

Session& SessionTable::connect_here(const mqtt::Connect& connect, Link& link,
                                    std::string_view assigned_client_id, AckMode ack,
                                    Generation generation) {
  const std::string_view client_id =
      connect.client_id.empty() ? assigned_client_id : connect.client_id;
  Session& session = take_over(client_id, generation);
  session.attach(connect, link, assigned_client_id, ack);
  session.opened(nullptr, false);
  return session;
}

void SessionTable::attach_elsewhere(const mqtt::Connect& connect, std::string_view client_id,
                                    const Generation& generation, Door* door) {
  AttachedRecord record;
  record.client_id = client_id;
  record.generation = generation;
  record.now_ms = shard_time_of(client_id);
  record.clean_start = connect.clean_start;
  record.durable = false;
  record.will = will_of(connect, hash64(client_id));
  ++opens_[record.client_id];
  ++door->left;
  append(shard_of(client_id), std::move(record), door);
}

// The record of a CONNECT is applied, of a shard led here; its client may be gone.
Session* SessionTable::opening(std::string_view client_id, const Generation& generation) {
  const auto open = opens_.find(std::string(client_id));
  if (open != opens_.end() && --open->second == 0) opens_.erase(open);
  Session* session = live(client_id, generation);
  return session != nullptr && session->is_opening() ? session : nullptr;
}

void SessionTable::leave(Session& session) {
  if (session.is_stranded()) {
    graveyard_.push_back(std::move(stranded_[session.stranded_place()]));
  } else {
    const auto at = live_.find(session.client_id());
    CHECK(at != live_.end() && at->second.get() == &session);
    forget_acks(session);
    graveyard_.push_back(std::move(at->second));
    live_.erase(at);
  }
  core_.at_turn_end(*this);
}

void SessionTable::kick_all(mqtt::ReasonCode reason, std::string_view why) {
  std::vector<Session*> connected;
  for (const auto& [id, session] : live_) connected.push_back(session.get());
  for (const auto& session : stranded_) {
    if (session != nullptr) connected.push_back(session.get());
  }
  for (Session* session : connected) session->kick(reason, why);
}

std::size_t SessionTable::kick_some(std::size_t count, mqtt::ReasonCode reason,
                                    std::string_view why, std::string_view server_reference) {
  std::vector<Session*> connected;
  for (const auto& [id, session] : live_) {
    if (connected.size() == count) break;
    connected.push_back(session.get());
  }
  for (Session* session : connected) session->kick(reason, why, server_reference);
  return connected.size();
}

void SessionTable::subscribe_volatile(Session& session, std::string_view filter,
                                      const Subscription& subscription) {
  if (volatile_tree_.insert(filter, {&session, subscription.id, subscription.options})) {
    volatile_interest_.add(filter);
  }
}

void SessionTable::unsubscribe_volatile(Session& session, std::string_view filter) {
  if (volatile_tree_.erase(filter, &session)) volatile_interest_.remove(filter);
}

// --- records ---

void SessionTable::on_committed(ShardId id, LogIndex index, const Record& record, Door* door) {
  shard(id).apply(index, record);
  if (const auto* retained = std::get_if<RetainedRecord>(&record)) {
    router_.retained_stored(*retained->message);
  }
  if (door != nullptr) close_door(door);
}

// Who asks for the kept messages isn't held up by one that nobody may keep.
void SessionTable::on_dropped(ShardId, const Record& record, Door* door) {
  if (const auto* retained = std::get_if<RetainedRecord>(&record)) {
    router_.retained_stored(*retained->message, false);
  }
  if (const auto* assigned = std::get_if<AssignedRecord>(&record)) return hand_on(*assigned, door);
  if (door != nullptr) break_door(door);
}

Door* SessionTable::open_door(routing::ConfirmTo confirm) {
  if (spare_doors_.empty()) spare_doors_.push_back(&doors_.emplace_back());
  Door* door = spare_doors_.back();
  spare_doors_.pop_back();
  door->confirm = confirm;
  door->left = 1;  // the one who opens it
  door->is_broken = false;
  return door;
}

Door* SessionTable::open_door(core::Task then) {
  Door* door = open_door(routing::ConfirmTo());
  door->then = std::move(then);
  return door;
}

void SessionTable::close_door(Door* door) {
  if (--door->left > 0) return;
  const routing::ConfirmTo confirm = door->confirm;
  core::Task then = std::move(door->then);
  door->then = {};
  door->stored = {};
  spare_doors_.push_back(door);
  if (door->is_broken) return;
  if (confirm) router_.confirm(confirm);
  if (then) then();
}

void SessionTable::break_door(Door* door) {
  door->is_broken = true;
  close_door(door);
}

bool SessionTable::shut_door(Door* door) {
  if (door == nullptr) return true;
  if (--door->left > 0) return false;
  door->then = {};
  door->stored = {};
  spare_doors_.push_back(door);
  return !door->is_broken;
}

// --- time ---

void SessionTable::at_turn_end_of(ShardState& shard) {
  if (std::find(forwarded_.begin(), forwarded_.end(), &shard) != forwarded_.end()) return;
  forwarded_.push_back(&shard);
  core_.at_turn_end(*this);
}

void SessionTable::note_acks(Session& session, bool now) {
  const std::uint16_t delay_ms = limits().ack_delay_ms;
  if (now || delay_ms == 0) {
    acked_.push_back(&session);
    core_.at_turn_end(*this);
    return;
  }
  if (!std::exchange(session.is_late_acked, true)) late_acked_.push_back(&session);
  if (!ack_timer_.armed()) core_.timers().arm(ack_timer_, core_.now_ms() + delay_ms);
}

void SessionTable::append_late_acks() {
  for (Session* session : std::exchange(late_acked_, {})) {
    session->is_late_acked = false;
    session->append_acks();
  }
}

void SessionTable::forget_acks(Session& session) {
  std::erase(acked_, &session);
  if (std::exchange(session.is_late_acked, false)) std::erase(late_acked_, &session);
}

void SessionTable::on_turn_end() {
  for (Session* session : std::exchange(acked_, {})) session->append_acks();
  for (ShardState* shard : std::exchange(forwarded_, {})) shard->note_forwarded();
  graveyard_.clear();
}

void SessionTable::due_at(SteadyMs due_ms) {
  if (due_timer_.armed() && due_timer_.due_ms() <= due_ms) return;
  core_.timers().arm(due_timer_, due_ms);
}

void SessionTable::run_due() {
  SteadyMs next_ms = INT64_MAX;
  for (const auto& shard : shards_) {
    if (shard == nullptr || !shard->is_leading()) continue;
    const ShardMs due_ms = shard->run_due(shard->now_ms(core_.now_ms()));
    if (due_ms != kNever) next_ms = std::min(next_ms, shard->steady_of(due_ms));
  }
  if (next_ms != INT64_MAX) due_at(next_ms);
}

// A shard in which nothing happens needs no clock.
void SessionTable::tick() {
  for (const auto& shard : shards_) {
    if (shard == nullptr || !shard->is_leading()) continue;
    look_for_gone(*shard, true);
    if (shard->applied() == ticked_[shard->id().value]) continue;
    append(shard->id(), TickRecord{shard->now_ms(core_.now_ms()), core_.wall_ms()}, nullptr);
    ticked_[shard->id().value] = shard->applied() + 1;
  }
  stale_queues_.tick();
  core_.timers().arm(tick_timer_, core_.now_ms() + kTickMs);
}

// Expired ones are never sent anyway; this gives their memory back.
void SessionTable::on_timer() {
  router_.look_at_keeps();
  stale_queues_.age().tick();
  for (const auto& shard : shards_) {
    if (shard != nullptr) shard->expire_retained(core_.now_ms(), kRetainedExpiryBudget);
  }
  core_.timers().arm(*this, core_.now_ms() + kRetainedExpiryMs);
}

// --- disk ---

void SessionTable::checkpoint(core::Task done) {
  CHECK(!checkpoint_done_);
  checkpoint_done_ = std::move(done);
  checkpoint_shard_ = 0;
  checkpoint_next();
}

// One after the other, so that no turn gets long.
void SessionTable::checkpoint_next() {
  for (; checkpoint_shard_ < shards_.size(); ++checkpoint_shard_) {
    ShardState* shard = shards_[checkpoint_shard_].get();
    if (shard == nullptr || !shard->is_dirty()) continue;
    ++checkpoint_shard_;
    shard->checkpoint(*disk_, [this] { checkpoint_next(); });
    return;
  }
  core::Task done = std::move(checkpoint_done_);
  checkpoint_done_ = {};
  done();
}

}  // namespace roost::session
