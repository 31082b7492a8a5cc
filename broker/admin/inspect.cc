// SPDX-License-Identifier: Apache-2.0
#include "broker/admin/inspect.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <utility>

#include "broker/base/file.h"
#include "broker/core/cores.h"
#include "broker/gates/disk_gate.h"
#include "broker/session/session_table.h"
#include "storage/lock.h"
#include "storage/read_only.h"

namespace roost::admin {

namespace {

constexpr std::size_t kDamageLinesMax = 1000;

// What the store says is damaged; what RocksDB warns of isn't.
class DamageLog final : public Log {
 public:
  bool enabled(LogLevel level) const override { return level >= LogLevel::error; }
  void write(LogLevel level, std::string_view line) override {
    if (!enabled(level)) return;
    const std::lock_guard lock(mutex_);
    if (lines_.size() < kDamageLinesMax) lines_.emplace_back(line);
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::move(lines_);
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_
};

// How many shards the directory was made with.
Result<std::uint16_t> shard_count_of(const std::string& path) {
  const auto text = base::read_file(path + "/shards", 100);
  if (!text && text.error().kind == ErrorKind::not_found) return kShardCountDefault;
  if (!text) return Unexpected(text.error());
  std::uint16_t count = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (failed != std::errc() || count == 0 || end == text->data()) {
    return error(ErrorKind::corrupt, path + "/shards is garbled; it must hold a number of shards");
  }
  return count;
}

// The state machines of all shards on a core that never runs.
class Reader {
 public:
  Reader(const storage::ReadOnlyStore& store, std::uint16_t shard_count, const Clock& clock)
      : store_(store), clock_(clock), cores_(1, clock) {
    routing_.shard_count = shard_count;
    table_ =
        std::make_unique<session::SessionTable>(cores_.at(CoreId{0}), cores_, routing_, tables_);
    tables_.tables.push_back(table_.get());
    routing_.routers.push_back(&table_->router());
  }

  void read(Inspection& found, const InspectOptions& options) {
    const auto view = store_.view();
    for (std::uint16_t id = 0; id < routing_.shard_count; ++id) {
      read_shard(ShardId{id}, *view, found, options);
    }
    std::sort(found.sessions.begin(), found.sessions.end(),
              [](const auto& a, const auto& b) { return a.client_id < b.client_id; });
    std::sort(found.retained.begin(), found.retained.end(),
              [](const auto& a, const auto& b) { return a.topic < b.topic; });
  }

 private:
  void read_shard(ShardId id, const storage::StateView& view, Inspection& found,
                  const InspectOptions& options) {
    const auto started = gates::start_shard(store_, view, *table_, id, clock_);
    session::ShardState& state = table_->shard(id);
    InspectedShard shard;
    shard.id = id.value;
    shard.epoch = store_.last(id).epoch;
    shard.applied = store_.applied(id);
    if (store_.last(id).index > store_.trimmed(id)) {
      shard.log_first = store_.trimmed(id) + 1;
      shard.log_last = store_.last(id).index;
    }
    shard.replayed = started.replayed;
    shard.unreadable = started.unreadable;
    if (started.unreadable > 0) {
      found.damage.push_back("shard " + std::to_string(id.value) + ": " +
                             std::to_string(started.unreadable) +
                             " log records can't be read; the first: " + started.first_fault);
    }
    now_ms_ = clock_.steady_ms() + state.offset_ms();
    state.for_each([&](const session::StoredSession& one) {
      if (!one.durable) return;  // only the will of a clean session
      ++shard.sessions;
      shard.subscriptions += one.filters.size();
      shard.queued += one.queued;
      shard.queued_bytes += one.queued_bytes;
      if (options.session ? one.client_id() == *options.session : options.sessions) {
        found.sessions.push_back(session_of(one, id));
      }
    });
    shard.retained = state.retained().size();
    if (options.retained) {
      state.retained().for_each(
          [&](const routing::Message& one) { found.retained.push_back(retained_of(one)); });
    }
    found.shards.push_back(shard);
  }

  InspectedSession session_of(const session::StoredSession& one, ShardId shard) const {
    InspectedSession session;
    session.client_id = one.client_id();
    session.shard = shard.value;
    session.was_connected = one.attached;
    session.expiry_s = one.expiry_s;
    if (one.expires_at_ms != session::kNever) {
      session.expires_in_s = (one.expires_at_ms - now_ms_) / 1000;
    }
    one.filters.for_each([&](std::string_view filter, const session::Subscription& how) {
      session.filters.push_back({std::string(filter), static_cast<int>(how.options.qos), how.id});
    });
    std::sort(session.filters.begin(), session.filters.end(),
              [](const auto& a, const auto& b) { return a.filter < b.filter; });
    session.queued = one.queued;
    session.queued_bytes = one.queued_bytes;
    if (one.rare != nullptr) session.incoming_qos2 = one.rare->awaiting_release.size();
    if (one.will() != nullptr) session.will_topic = one.will()->message->topic();
    return session;
  }

  InspectedRetained retained_of(const routing::Message& one) const {
    InspectedRetained retained{
        std::string(one.topic()), one.payload().size(), static_cast<int>(one.qos()), {}};
    if (one.expires()) {
      retained.expires_in_s = (one.expires_at_ms() - clock_.steady_ms()) / 1000;
    }
    return retained;
  }

  const storage::ReadOnlyStore& store_;
  const Clock& clock_;
  core::Cores cores_;
  routing::RoutingTable routing_;
  session::SessionTables tables_;
  std::unique_ptr<session::SessionTable> table_;
  session::ShardMs now_ms_ = 0;  // of the shard that is read
};

}  // namespace

void InspectedShard::add(const InspectedShard& other) {
  replayed += other.replayed;
  unreadable += other.unreadable;
  sessions += other.sessions;
  subscriptions += other.subscriptions;
  retained += other.retained;
  queued += other.queued;
  queued_bytes += other.queued_bytes;
}

InspectedShard Inspection::total() const {
  InspectedShard sum;
  for (const InspectedShard& shard : shards) sum.add(shard);
  return sum;
}

Result<Inspection> inspect(const std::string& path, const InspectOptions& options,
                           const Clock& clock) {
  DamageLog log;
  auto store = storage::ReadOnlyStore::open(path, log);
  if (!store) return Unexpected(std::move(store).error());
  const auto shard_count = shard_count_of(path);
  if (!shard_count) return Unexpected(shard_count.error());
  Inspection found;
  found.path = path;
  found.format = (*store)->format();
  found.uuid = (*store)->uuid();
  found.is_copy = (*store)->is_copy();
  found.shard_count = *shard_count;
  Reader(**store, *shard_count, clock).read(found, options);
  store->reset();
  for (std::string& line : log.take()) found.damage.push_back(std::move(line));
  // What changed while it was read looks like damage and is none.
  if (const auto pid = storage::lock_owner(path)) {
    return error(ErrorKind::already_exists,
                 path + " came into use by the process with pid " + *pid + " meanwhile");
  }
  if (options.session && found.sessions.empty()) {
    return error(ErrorKind::not_found,
                 path + " holds no session of the client id " + *options.session);
  }
  return found;
}

}  // namespace roost::admin
