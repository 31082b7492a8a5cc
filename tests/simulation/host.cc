// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/host.h"

#include <algorithm>
#include <utility>

namespace roost::simulation {

using cluster::Replica;
using cluster::ShardRecord;
using replication::Role;
using replication::SeenRecord;
using replication::ShardReplica;

namespace {

constexpr std::int64_t kReportUs = 500'000;
constexpr std::int64_t kSoonUs = 50'000;          // between two reports at least
constexpr std::int64_t kStuckDiskUs = 2'000'000;  // R3: a writer without progress so long

bool names(const ShardRecord& record, const Replica& one) {
  const auto is_in = [&](const cluster::Replicas& all) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  return is_in(record.replicas) || is_in(record.isr) || is_in(record.adding) ||
         is_in(record.removing);
}

}  // namespace

Host::Host(World& world, NodeIndex index, std::string name, std::uint64_t incarnation, Disk& disk,
           NodeClock clock, Random random)
    : world_(world),
      index_(index),
      name_(std::move(name)),
      incarnation_(incarnation),
      who_(name_ + "." + std::to_string(incarnation)),
      disk_(disk),
      clock_(clock),
      random_(random),
      controller_(name_, incarnation, world.keys, world.controller_settings, now_ms()),
      connection_(world.coordinator.connect(name_)),
      registration_(world.keys.node(name_), {name_, name_, incarnation, disk.uuid(), "1", ""},
                    [this](cluster::LeaseId lease) {
                      controller_.on_lease(lease);
                      turn_controller();
                    }) {
  const auto process = process_;
  open_disk();
  for (const ShardId shard : disk_.shards()) {
    host(shard);
  }
  watch_ = connection_->watch(world_.keys.prefix(), *this);
}

void Host::open_disk() {
  const auto process = process_;
  Disk::Process told;
  told.on_synced = [this, process](ShardId shard, std::uint64_t number) {
    process->run([this, shard, number] {
      input(shard, [&](Hosted& at) { at.replica->on_synced(number); });
    });
  };
  told.on_imported = [this, process](ShardId shard, std::uint64_t import) {
    process->run([this, shard, import] { finish_import(shard, import); });
  };
  told.on_failed = [this, process] {
    process->run([this] {
      die("a sync failed");
      disk_.forget(random_.one_in(2));
    });
  };
  disk_.open(std::move(told));
}

void Host::finish_import(ShardId shard, std::uint64_t import) {
  input(shard, [&](Hosted& at) {
    if (at.importing != import || !at.imported) {
      return;  // another one has begun since
    }
    at.importing = 0;
    at.applied = at.imported->applied;
    at.replica->on_imported(import, *std::exchange(at.imported, std::nullopt));
  });
}

Host::~Host() {
  process_->is_dead = true;
  process_->held.clear();
  connection_.reset();  // a dead process gives nothing back
}

void Host::host(ShardId shard) {
  Hosted& hosted = shards_[shard];
  replication::StoredReplica stored = disk_.load(shard);
  hosted.applied = stored.applied;
  hosted.commit = stored.commit;
  hosted.replica = std::make_unique<ShardReplica>(shard, self(), world_.keys.shard(shard),
                                                  world_.settings, std::move(stored), now_ms());
  hosted.role = hosted.replica->role();
}

Host::Hosted* Host::hosted(ShardId shard) {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? nullptr : &found->second;
}

void Host::receive(MemberId from, MemberId to, ShardId shard, const replication::Message& message) {
  if (to != replication::member_id(self())) {
    return;  // a stream to a replica that isn't here any more
  }
  input(shard, [&](Hosted& hosted) {
    world_.trace.say_detail(who_, [&] {
      return "shard " + std::to_string(shard.value) + " receives " + describe(message);
    });
    hosted.replica->on_message(from, message, now_ms());
  });
}

void Host::receive_report(const cluster::NodeReport& report) {
  controller_.on_report(report, now_ms());
  turn_controller();
}

bool Host::receive_part(MemberId to, ShardId shard, const ImportPart& part) {
  Hosted* at = hosted(shard);
  if (at == nullptr || to != replication::member_id(self()) || part.import != at->importing ||
      at->imported) {
    return false;
  }
  if (part.is_last) {
    const ImportWrite& content = *part.content;
    at->imported =
        replication::Imported{content.table, content.last(), content.first_kept, content.applied};
    for (const auto& record : content.log) {
      world_.checker.on_named(shard, record.position.index, seen_of(record));
    }
    world_.counters.add("imports");
    world_.trace.say(who_, [&] {
      return "shard " + std::to_string(shard.value) + " imports: applied " +
             std::to_string(content.applied) + ", log " + std::to_string(content.first_kept) +
             ".." + std::to_string(content.last());
    });
    disk_.submit(shard, part.import, content);
  }
  return true;
}

void Host::append(ShardId shard, std::uint64_t content, std::uint64_t request) {
  Hosted* at = hosted(shard);
  if (at == nullptr || !at->replica->can_propose()) {
    world_.answers.on_appended(request, false);
    return;
  }
  std::vector<std::uint8_t> bytes(sizeof content);
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&content), sizeof content, bytes.begin());
  auto owner =
      SharedPtr<replication::RecordBuffer>::adopt(new replication::RecordBuffer(std::move(bytes)));
  const ByteView view = owner->bytes();
  const auto position = at->replica->propose(SharedPtr<SharedBlock>::share(owner.get()), view);
  at->appends.push_back({position, content, request});
  turn(shard, *at);
}

void Host::read(ShardId shard, std::uint64_t request) {
  Hosted* at = hosted(shard);
  if (at != nullptr && at->role == Role::leader) {
    at->reads.push_back({now_ms(), world_.checker.acknowledged(shard), request});
  }
}

void Host::tick() {
  const auto busy_us = disk_.busy_since_us();
  registration_.set_able(!busy_us || world_.queue.now_us() - *busy_us < kStuckDiskUs);
  registration_.tick(*connection_);
  for (auto& [shard, at] : shards_) {
    if (process_->is_dead) {
      return;
    }
    keep_state(shard, at);
    at.replica->on_tick(now_ms());
    turn(shard, at);
  }
  if (process_->is_dead) {
    return;
  }
  const std::int64_t since_us = world_.queue.now_us() - reported_us_;
  if (since_us >= kReportUs || (reports_soon_ && since_us >= kSoonUs)) {
    send_report();
  }
  controller_.on_tick(now_ms());
  turn_controller();
}

void Host::send_report() {
  reported_us_ = world_.queue.now_us();
  reports_soon_ = false;
  cluster::NodeReport report{
      name_, disk_.uuid(), incarnation_, is_draining_, world_.post.peers_of(index_), {}};
  for (const auto& [shard, at] : shards_) {
    report.shards.push_back(at.replica->status());
  }
  const std::string& to = controller_.controller_name();
  if (to == name_) {
    controller_.on_report(report, now_ms());
  } else if (!to.empty()) {
    world_.post.report(index_, to, report);
  }
}

void Host::die(std::string_view why) {
  if (std::exchange(process_->is_dead, true)) {
    return;
  }
  world_.trace.say(who_, [&] { return "ends: " + std::string(why); });
  connection_.reset();
  disk_.crash();
  world_.post.died(index_);
}

void Host::pause() {
  process_->is_paused = true;
  connection_->pause();
}

void Host::go_on() {
  connection_->go_on();
  process_->go_on();
}

void Host::resign_all() {
  for (auto& [shard, at] : shards_) {
    input(shard, [](Hosted& hosted) { hosted.replica->resign(); });
  }
}

const ShardReplica* Host::replica(ShardId shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? nullptr : found->second.replica.get();
}

bool Host::leads(ShardId shard) const {
  const ShardReplica* at = replica(shard);
  return at != nullptr && at->role() == Role::leader;
}

LogIndex Host::applied(ShardId shard) const {
  const auto found = shards_.find(shard);
  return found == shards_.end() ? 0 : found->second.applied;
}

void Host::show(const cluster::KeyValue& key) {
  if (key.key == world_.keys.node(name_)) {
    registration_.on_own_key(key.value, key.modified);
  }
  const std::string shards = world_.keys.shards();
  if (!key.key.starts_with(shards)) {
    return;
  }
  const ShardId shard{static_cast<std::uint16_t>(std::stoi(key.key.substr(shards.size())))};
  Result<ShardRecord> record = cluster::decode_shard_record(key.value);
  if (!record) {
    return;
  }
  if (hosted(shard) == nullptr && names(*record, self())) {
    host(shard);
  }
  input(shard, [&](Hosted& at) { at.replica->on_record(SeenRecord{*record, key.modified}); });
}

void Host::on_reset(const cluster::Listing& all) {
  registration_.on_own_key("", 0);
  for (const cluster::KeyValue& key : all.keys) {
    show(key);
  }
  if (!process_->is_dead) {
    controller_.on_listing(all);
    turn_controller();
  }
}

void Host::on_change(const std::vector<Event>& events, cluster::Revision /*revision*/) {
  for (const Event& event : events) {
    if (event.is_erased) {
      if (event.now.key == world_.keys.node(name_)) {
        registration_.on_own_key("", 0);
      }
    } else {
      show(event.now);
    }
  }
  if (!process_->is_dead) {
    controller_.on_events(events);
    turn_controller();
  }
}

}  // namespace roost::simulation
