// SPDX-License-Identifier: Apache-2.0
// Which shards this core leads: an epoch begins, is over, a replica is replaced. What a lost
// shard's sessions had here goes at once; their connections end at a pace.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/session_table.h"

namespace roost::session {

void SessionTable::lead(const StartedRecord& limits) {
  for (const auto& shard : shards_) {
    if (shard != nullptr) shard->begin_leading(core_.now_ms());
  }
  for (const auto& shard : shards_) {
    if (shard != nullptr) rejoin_groups(*shard);
  }
  begin_epoch(limits);
  arm_timers();
}

void SessionTable::resume() {
  for (const auto& shard : shards_) {
    if (shard != nullptr) shard->let_forwards_go();
  }
}

void SessionTable::begin_epoch(const StartedRecord& limits) {
  for (const auto& shard : shards_) {
    if (shard != nullptr) begin_epoch(*shard, limits);
  }
}

void SessionTable::begin_epoch(ShardState& shard, const StartedRecord& limits) {
  StartedRecord started = limits;
  started.now_ms = std::max(shard.now_ms(core_.now_ms()), shard.time_ms());
  started.wall_ms = core_.wall_ms();
  constexpr auto kGone = ClientNews::Kind::disconnected;
  const std::vector<std::string> gone =
      wants(kGone) ? shard.attached_sessions() : std::vector<std::string>();
  // In front: whoever leads next after a death in between finds them attached no more.
  for (const std::string& client_id : gone) {
    tell({.kind = kGone,
          .client_id = client_id,
          .outlives = true,
          .why = "its node stopped serving it"},
         true);
  }
  append(shard.id(), std::move(started), nullptr);
  ticked_[shard.id().value] = shard.applied() + 1;
}

void SessionTable::arm_timers() {
  if (!tick_timer_.armed()) core_.timers().arm(tick_timer_, core_.now_ms() + kTickMs);
  if (!armed()) core_.timers().arm(*this, core_.now_ms() + kRetainedExpiryMs);
}

void SessionTable::lead(ShardId id, const StartedRecord& limits) {
  DCHECK(core_.is_current());
  ShardState& state = shard(id);
  CHECK(!state.is_leading());
  interest_begin(id);
  state.begin_leading(core_.now_ms());
  if (router_.table().feed != nullptr) router_.table().feed->lead(id);
  state.let_forwards_go();
  rejoin_groups(state);
  StartedRecord started = limits;
  started.clean_go_on = true;
  begin_epoch(state, started);
  look_for_gone(state, false);
  arm_timers();
}

void SessionTable::follow(ShardId id) {
  DCHECK(core_.is_current());
  ShardState& state = shard(id);
  if (!state.is_leading()) return;
  std::vector<Session*> ending;
  for (const auto& [client_id, session] : live_) {
    if (shard_of(client_id) != id) continue;
    // A clean session goes on: the next leader takes over its claim and its will.
    if (session->is_durable() || session->is_opening()) {
      ending.push_back(session.get());
    } else {
      session->lose_record();
    }
  }
  std::sort(ending.begin(), ending.end(), [](const Session* a, const Session* b) {
    return a->generation() < b->generation();  // no order of a hash table
  });
  for (Session* session : ending) strand(*session);
  std::erase_if(opens_, [&](const auto& open) { return shard_of(open.first) == id; });
  leave_groups(state);
  std::erase(forwarded_, &state);
  interest_end(id);
  state.end_leading();
}

void SessionTable::end_missed() {
  DCHECK(core_.is_current());
  std::vector<Session*> ending;
  for (const auto& [client_id, session] : live_) {
    if (session->is_durable() || session->is_opening()) continue;
    bool is_promised = false;
    session->filters().for_each([&](std::string_view, const Subscription& subscription) {
      is_promised |= subscription.options.qos != mqtt::Qos::at_most_once;
    });
    if (is_promised) ending.push_back(session.get());
  }
  std::sort(ending.begin(), ending.end(), [](const Session* a, const Session* b) {
    return a->generation() < b->generation();  // no order of a hash table
  });
  for (Session* session : ending) {
    session->kick(mqtt::ReasonCode::unspecified_error, "messages were missed while cut off");
  }
}

void SessionTable::adopt(std::unique_ptr<ShardState> shard) {
  DCHECK(core_.is_current());
  const ShardId id = shard->id();
  CHECK(!leads(id));
  retained_room().replace(id, shard->retained());
  retire(std::exchange(shards_[id.value], std::move(shard)));
}

// What it still waits for comes back to it.
void SessionTable::retire(std::unique_ptr<ShardState> shard) {
  std::erase_if(retired_, [](const auto& one) { return !one->is_writing(); });
  if (!shard->is_writing()) return;
  shard->forget();
  retired_.push_back(std::move(shard));
}

// --- connections whose shard is lost ---

void SessionTable::strand(Session& session) {
  const auto at = live_.find(session.client_id());
  CHECK(at != live_.end() && at->second.get() == &session);
  forget_acks(session);
  session.strand(stranded_.size());
  stranded_.push_back(std::move(at->second));
  live_.erase(at);
  if (!stranded_timer_.armed()) {
    core_.timers().arm(stranded_timer_, core_.now_ms() + kStrandedMs);
  }
}

void SessionTable::end_stranded() {
  std::size_t ended = 0;
  for (; stranded_from_ < stranded_.size() && ended < kStrandedPortion; ++stranded_from_) {
    if (stranded_[stranded_from_] == nullptr) continue;
    ++ended;
    stranded_[stranded_from_]->kick(mqtt::ReasonCode::server_shutting_down,
                                    "the session's leader changed");
  }
  if (stranded_from_ < stranded_.size()) {
    core_.timers().arm(stranded_timer_, core_.now_ms() + kStrandedMs);
    return;
  }
  stranded_.clear();
  stranded_from_ = 0;
}

std::uint64_t SessionTable::standby_sessions() const {
  std::uint64_t sum = 0;
  for (const auto& shard : shards_) {
    if (shard != nullptr) sum += shard->standby().sessions_durable.value();
  }
  return sum;
}

// --- who may be interested ---

// In a cluster the shard's bit is written here from now on.
void SessionTable::interest_begin(ShardId id) {
  routing::RoutingTable& routing = router_.table();
  if (routing.feed == nullptr) return;
  routing.feed->begin(id, log_->epoch(id));
  led_interest_.try_emplace(id.value, routing.shards, id.value, *routing.feed,
                            static_cast<routing::InterestOwner>(id.value));
}

void SessionTable::interest_end(ShardId id) {
  if (led_interest_.erase(id.value) > 0) router_.table().feed->end(id);
}

void SessionTable::interest_add(ShardId shard, std::string_view filter) {
  const auto led = led_interest_.find(shard.value);
  (led == led_interest_.end() ? durable_interest_ : led->second).add(filter);
  shard_interest_.add(filter, shard.value % 64U);
}

void SessionTable::interest_remove(ShardId shard, std::string_view filter) {
  shard_interest_.remove(filter, shard.value % 64U);
  const auto led = led_interest_.find(shard.value);
  if (led != led_interest_.end()) return led->second.remove(filter);
  // Of a cluster's shard that isn't led any more no bit is left.
  if (router_.table().feed == nullptr) durable_interest_.remove(filter);
}

}  // namespace roost::session
