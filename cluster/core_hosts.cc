// SPDX-License-Identifier: Apache-2.0
#include "cluster/core_hosts.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::cluster {

using replication::LogIndex;
using replication::MemberId;
using replication::Role;
using replication::SeenRecord;

CoreHosts::CoreHosts(CoreHostsSettings settings, Keys keys, storage::ReplicaStore& store, Post post,
                     CoreNode& node, const Clock& clock)
    : settings_(std::move(settings)),
      keys_(std::move(keys)),
      store_(store),
      post_(std::move(post)),
      node_(node),
      clock_(clock),
      snapshots_(store, poster(), *this) {}

CoreHosts::Hosted* CoreHosts::find(ShardId shard) {
  const auto found = shards_.find(shard.value);
  if (found == shards_.end() || found->second.is_forgetting) return nullptr;
  return &found->second;
}

const CoreHosts::Hosted* CoreHosts::find(ShardId shard) const {
  return const_cast<CoreHosts*>(this)->find(shard);
}

ReplicaHost::Post CoreHosts::poster(ShardId shard, const std::shared_ptr<bool>& life) {
  return [this, post = post_, shard, weak = std::weak_ptr(life)](std::function<void()> job) {
    post([this, shard, weak, job = std::move(job)] {
      if (weak.expired()) return;
      set_now(clock_.steady_ms());
      job();
      if (Hosted* hosted = find(shard)) wake(shard, *hosted);
      turn_all();
    });
  };
}

ReplicaHost::Post CoreHosts::poster() {
  return [this, post = post_, weak = std::weak_ptr(life_)](std::function<void()> job) {
    post([this, weak, job = std::move(job)] {
      if (weak.expired()) return;
      set_now(clock_.steady_ms());
      job();
      turn_all();
    });
  };
}

// --- which shards stand here ---

bool CoreHosts::names_self(const ShardRecord& record) const {
  const auto has = [&](const Replicas& list) {
    return std::find(list.begin(), list.end(), settings_.self) != list.end();
  };
  return has(record.replicas) || has(record.isr) || has(record.adding) || has(record.removing);
}

void CoreHosts::start(ShardEvents& events) {
  CHECK(events_ == nullptr);
  events_ = &events;
  set_now(clock_.steady_ms());
  for (std::uint16_t id = 0; id < kClusterShardsMax; ++id) {
    const ShardId shard{id};
    if (!is_own(shard)) continue;
    const storage::ReplicaOnDisk disk = store_.replica(shard);
    // Only what was promised is left of one that was deleted.
    if (disk.last.index > 0 || disk.applied > 0) open(shard);
    open_where_named(shard);
  }
  turn_all();
}

void CoreHosts::open(ShardId shard) {
  Hosted hosted;
  const auto forgotten = forgotten_.find(shard.value);
  if (forgotten != forgotten_.end()) {
    hosted.is_as_opened = false;
    ReplicaNode& node = *this;
    hosted.host = std::make_unique<ReplicaHost>(shard, settings_.self, keys_, settings_.replication,
                                                store_, poster(shard, hosted.life), node, now_,
                                                std::move(forgotten->second.left));
    forgotten_.erase(forgotten);
  } else {
    auto opened = ReplicaHost::open(shard, settings_.self, keys_, settings_.replication, store_,
                                    poster(shard, hosted.life), *this, now_);
    if (!opened) return node_.raise(shard, opened.error().message);
    hosted.host = std::move(opened).value();
  }
  Hosted& at = shards_[shard.value] = std::move(hosted);
  is_report_urgent_ = true;
  // What is half imported is nothing; it is told when it is whole.
  if (!at.host->replica().meta().is_importing) tell_hosted(shard, at);
  wake(shard, at);
}

void CoreHosts::tell_hosted(ShardId shard, Hosted& hosted) {
  hosted.is_told = true;
  events_->on_hosted(shard);
}

// The newest record that was told.
void CoreHosts::open_where_named(ShardId shard) {
  const auto seen = seen_.find(shard.value);
  if (events_ == nullptr || seen == seen_.end()) return;
  const bool is_known = shards_.count(shard.value) > 0;
  if (!is_known) {
    if (!names_self(seen->second.record)) return;
    const auto forgotten = forgotten_.find(shard.value);
    const bool is_early =
        forgotten != forgotten_.end() && now_ - forgotten->second.at_ms < settings_.drop_ms;
    if (is_early) return;
    open(shard);
  }
  Hosted* hosted = find(shard);
  if (hosted == nullptr) return;
  hosted->host->replica().on_record(seen->second);
  // One that begins to lead now hasn't heard of it.
  for (const MemberId member : gone_) hosted->host->replica().on_gone(member);
  wake(shard, *hosted);
}

void CoreHosts::on_record(ShardId shard, const SeenRecord& seen) {
  if (!is_own(shard)) return;
  set_now(clock_.steady_ms());
  seen_[shard.value] = seen;
  open_where_named(shard);
  turn_all();
}

// The newest record that it believes doesn't name it, and hasn't for a while.
void CoreHosts::drop_where_unnamed(ShardId shard, Hosted& hosted) {
  const auto& replica = hosted.host->replica();
  const bool may_go = replica.role() == Role::follower || replica.role() == Role::importing;
  if (!may_go || replica.record().modified == 0 || names_self(replica.record().record)) {
    hosted.unnamed_since.reset();
    return;
  }
  if (!hosted.unnamed_since) hosted.unnamed_since = now_;
  if (now_ - *hosted.unnamed_since < settings_.drop_ms) return;
  follow(shard, hosted);
  if (hosted.is_told) events_->on_dropped(shard);
  snapshots_.drop(shard);
  hosted.is_forgetting = true;
  hosted.host->forget([this, shard](const auto& left) {
    later_.push_back([this, shard, left] { on_forgotten(shard, left); });
  });
}

void CoreHosts::on_forgotten(ShardId shard, const Result<replication::StoredReplica>& left) {
  if (!left) return node_.raise(shard, left.error().message);
  shards_.erase(shard.value);
  forgotten_[shard.value] = {*left, now_};
  is_report_urgent_ = true;
}

// --- turns ---

void CoreHosts::wake(ShardId shard, Hosted& hosted) {
  if (std::exchange(hosted.is_dirty, true)) return;
  dirty_.push_back(shard);
}

void CoreHosts::tick(SteadyMs now) {
  set_now(now);
  const bool looks = now_ - looked_ms_ >= settings_.drop_ms / 10;
  if (looks) looked_ms_ = now_;
  for (auto& [id, hosted] : shards_) {
    if (hosted.is_forgetting) continue;
    hosted.host->replica().set_quiet(now_ - asked_ms_ >= kQuietMs);
    if (hosted.host->replica().on_tick(now_)) wake(ShardId{id}, hosted);
    if (looks) drop_where_unnamed(ShardId{id}, hosted);
  }
  std::vector<ShardId> again;
  for (const auto& [id, forgotten] : forgotten_) again.push_back(ShardId{id});
  for (const ShardId shard : again) open_where_named(shard);
  snapshots_.tick();
  turn_all();
  report_if_due();
}

void CoreHosts::turn(SteadyMs now) {
  set_now(now);
  turn_all();
}

// What is told may propose and more, of any shard.
void CoreHosts::turn_all() {
  if (is_turning_) return;
  is_turning_ = true;
  for (const auto& job : std::exchange(later_, {})) job();
  while (!dirty_.empty()) {
    for (const ShardId shard : std::exchange(dirty_, {})) {
      Hosted* hosted = find(shard);
      if (hosted == nullptr) continue;
      hosted->is_dirty = false;
      follow(shard, *hosted);
      hosted->host->turn(now_);
      follow(shard, *hosted);
      tell_synced(shard, *hosted);
    }
  }
  is_turning_ = false;
  send_appends();
  send_all();
  if (is_report_urgent_) report_if_due();
}

void CoreHosts::append(ShardId shard, storage::LogBatch batch, Appended done) {
  appends_.add(std::move(batch));
  appending_.push_back({shard, shards_.at(shard.value).life, std::move(done)});
}

void CoreHosts::send_appends() {
  if (appending_.empty()) return;
  auto all = std::make_shared<std::vector<Appending>>(std::exchange(appending_, {}));
  store_.append(std::exchange(appends_, {}), true,
                [this, all = std::move(all), post = poster()](const Result<void>& result) {
                  post([this, all, result] {
                    for (const Appending& one : *all) {
                      if (one.life.expired()) continue;
                      one.done(result);
                      if (Hosted* hosted = find(one.shard)) wake(one.shard, *hosted);
                    }
                  });
                });
}

void CoreHosts::follow(ShardId shard, Hosted& hosted) {
  const auto& replica = hosted.host->replica();
  const bool leads = replica.role() == Role::leader;
  if (hosted.leading != 0 && (!leads || replica.epoch() != hosted.leading)) {
    hosted.leading = 0;
    events_->on_following(shard);
  }
  if (hosted.leading != 0 || !leads || !hosted.is_told || !hosted.host->has_applied_all()) return;
  hosted.leading = replica.epoch();
  events_->on_leading(shard, hosted.leading);
}

// What is committed by now was told before.
void CoreHosts::tell_synced(ShardId shard, Hosted& hosted) {
  if (hosted.leading == 0) return;
  const auto synced = hosted.host->replica().synced();
  if (std::exchange(hosted.synced, synced) != synced) events_->on_synced(shard, synced);
}

void CoreHosts::apply(ShardId shard, const replication::LogRecord& record) {
  events_->on_committed(shard, record);
}

// When the import begins there is nothing to load; what was told before stands still.
void CoreHosts::replaced(ShardId shard) {
  Hosted* hosted = find(shard);
  if (hosted == nullptr || hosted->host->replica().meta().is_importing) return;
  hosted->is_as_opened = false;
  if (std::exchange(hosted->is_told, true)) {
    events_->on_replaced(shard);
  } else {
    events_->on_hosted(shard);
  }
  hosted->host->drop_kept();
}

void CoreHosts::raise(ShardId shard, const replication::RaisedAlarm& alarm) {
  node_.raise(shard, alarm.text);
}

void CoreHosts::failed(ShardId shard, const Error& why) { node_.fail(shard, why.message); }

void CoreHosts::report_if_due() {
  if (!is_report_urgent_ && now_ - reported_ms_ < settings_.report_ms) return;
  std::vector<ShardStatus> shards;
  shards.reserve(shards_.size());
  for (const auto& [id, hosted] : shards_) {
    if (!hosted.is_forgetting) shards.push_back(hosted.host->replica().status());
  }
  node_.report(settings_.core, std::move(shards), std::exchange(is_report_urgent_, false));
  reported_ms_ = now_;
  note_lag();
}

void CoreHosts::note_lag() {
  Lag most;
  for (const auto& [id, hosted] : shards_) {
    if (hosted.leading == 0 || hosted.is_forgetting) continue;
    const Lag lag = hosted.host->replica().lag();
    most.records = std::max(most.records, lag.records);
    most.ms = std::max(most.ms, lag.ms);
  }
  counters_.lag_records.set(most.records);
  counters_.lag_ms.set(static_cast<std::uint64_t>(most.ms));
}

// --- what the core's shards ask ---

bool CoreHosts::leads(ShardId shard) const {
  const Hosted* hosted = find(shard);
  return hosted != nullptr && hosted->leading != 0;
}

bool CoreHosts::can_propose(ShardId shard) const {
  return leads(shard) && find(shard)->host->replica().can_propose();
}

std::uint64_t CoreHosts::lineage(ShardId shard) const {
  CHECK(leads(shard));
  return find(shard)->host->replica().meta().lineage;
}

replication::Position CoreHosts::propose(ShardId shard, SharedPtr<SharedBlock> owner,
                                         ByteView bytes) {
  CHECK(!bytes.empty() && bytes.size() <= kRecordBytesMax);
  Hosted* hosted = find(shard);
  CHECK(hosted != nullptr && hosted->leading != 0);
  auto& replica = hosted->host->replica();
  if (replica.role() != Role::leader || replica.epoch() != hosted->leading) return {};
  wake(shard, *hosted);
  return replica.propose(std::move(owner), bytes);
}

void CoreHosts::write_state(ShardId shard, LogIndex applied, LogIndex keep_from,
                            storage::StateBatch batch, storage::Store::Done done) {
  Hosted* hosted = find(shard);
  if (hosted == nullptr || hosted->host->replica().meta().is_importing) {
    later_.push_back([done = std::move(done)] {
      done(error(ErrorKind::unavailable, "the shard is being replaced"));
    });
    return;
  }
  hosted->host->write_state(applied, keep_from, std::move(batch), std::move(done));
}

LogIndex CoreHosts::loaded(ShardId shard) const {
  const Hosted* hosted = find(shard);
  return hosted == nullptr ? 0 : hosted->host->loaded();
}

void CoreHosts::replay(ShardId shard, const Replay& visit) const {
  const Hosted* hosted = find(shard);
  if (hosted == nullptr) return;
  if (!hosted->is_as_opened) {
    for (const replication::LogRecord& record : hosted->host->kept()) {
      if (!record.is_no_op()) visit(record.position.index, record.bytes);
    }
    return;
  }
  const LogIndex end = hosted->host->loaded();
  const auto read =
      store_.replay(shard, 0, [&](std::uint64_t, storage::LogIndex index, ByteView bytes) {
        if (index <= end && !bytes.empty()) visit(index, bytes);
      });
  if (!read) node_.raise(shard, read.error().message);
}

std::optional<SteadyMs> CoreHosts::confirmed_ms(ShardId shard) const {
  asked_ms_ = now_;
  if (!leads(shard)) return std::nullopt;
  return find(shard)->host->replica().confirmed_ms();
}

void CoreHosts::resign(ShardId shard) {
  Hosted* hosted = find(shard);
  if (hosted == nullptr) return;
  hosted->host->replica().resign();
  wake(shard, *hosted);
}

void CoreHosts::before_flush() {
  for (auto& [id, hosted] : shards_) hosted.flushing = hosted.host->trim_to();
}

void CoreHosts::after_flush(bool is_done) {
  for (auto& [id, hosted] : shards_) {
    const LogIndex trimmed = std::exchange(hosted.flushing, 0);
    if (is_done && trimmed > 0 && !hosted.is_forgetting) hosted.host->on_flushed(trimmed);
  }
}

}  // namespace roost::cluster
