// SPDX-License-Identifier: Apache-2.0
#include "tests/replication/shard_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace roost::cluster::replication {
namespace {

constexpr const char* kKey = "/roost/test/shards/1";

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

void TestDisk::carry_out(const LogOp& op) {
  const auto append = [&](const AppendOp& what) {
    for (const LogRecord& record : *what.records) {
      ASSERT_EQ(record.position.index, stored.last + 1);
      stored.table.append(record.position);
      records.push_back(record);
      ++stored.last;
    }
  };
  const auto cut = [&](const CutOp& what) {
    ASSERT_LT(what.last, stored.last);
    ASSERT_GE(what.last, stored.applied);
    records.resize(records.size() - (stored.last - what.last));
    stored.table.cut_after(what.last);
    stored.last = what.last;
  };
  std::visit(Overloaded{append, cut, [&](const MetaOp& what) { stored.meta = what.meta; },
                        [&](const BeginImportOp& what) {
                          stored = {};
                          stored.meta = what.meta;
                          records.clear();
                        },
                        [&](const EndImportOp& what) { stored.meta = what.meta; }},
             op.what);
}

StoredReplica TestDisk::restored() const {
  StoredReplica all = stored;
  all.tail = records;
  return all;
}

ShardCluster::ShardCluster(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    TestNode& made = nodes_[name];
    made.name = name;
    lose_disk(name);
    start(name);
  }
}

TestNode& ShardCluster::node(const std::string& name) { return nodes_.at(name); }

Replicas ShardCluster::replicas(const std::vector<std::string>& names) {
  Replicas all;
  for (const std::string& name : names) all.push_back(node(name).who);
  return all;
}

void ShardCluster::elect(const std::string& leader, const std::vector<std::string>& isr) {
  change([&](ShardRecord& next) {
    ++next.epoch;
    next.leader = node(leader).who;
    next.isr = replicas(isr);
    if (next.lineage == 0) {
      next.lineage = 1;
      next.replicas = next.isr;
      next.min_in_sync = next.isr.size() > 1 ? 2 : 1;
    }
  });
}

void ShardCluster::change(const std::function<void(ShardRecord&)>& edit) {
  edit(record_.record);
  ++record_.record.counter;
  ++record_.modified;
  show_record();
}

void ShardCluster::restore(const SeenRecord& old) {
  record_ = old;
  show_record();
}

void ShardCluster::show_record() {
  for (auto& [name, one] : nodes_) {
    if (one.replica && one.sees_coordinator) one.replica->on_record(record_);
  }
}

void ShardCluster::lose_disk(const std::string& name) {
  TestNode& one = node(name);
  one.disk = {};
  one.who = {name, name + "-store-" + std::to_string(++stores_)};
  names_[member_id(one.who)] = name;
}

void ShardCluster::crash(const std::string& name) {
  TestNode& one = node(name);
  one.replica.reset();
  one.unsynced.clear();
  one.out.clear();
}

void ShardCluster::start(const std::string& name) {
  TestNode& one = node(name);
  one.replica = std::make_unique<ShardReplica>(ShardId{1}, one.who, kKey, Settings{},
                                               one.disk.restored(), now);
  if (record_.modified > 0 && one.sees_coordinator) one.replica->on_record(record_);
}

void ShardCluster::cut(const std::string& a, const std::string& b) {
  cuts_.insert({a, b});
  cuts_.insert({b, a});
}

void ShardCluster::isolate(const std::string& name) {
  for (const auto& [other, one] : nodes_) cut(name, other);
}

void ShardCluster::heal() { cuts_.clear(); }

void ShardCluster::send(const Flying& flying) {
  if (holds && holds(flying)) {
    held.push_back(flying);
  } else {
    flying_.push_back(flying);
  }
}

void ShardCluster::release() {
  for (const Flying& flying : std::exchange(held, {})) flying_.push_back(flying);
  settle();
}

void ShardCluster::deliver(const Flying& flying) {
  const auto from = names_.find(flying.from), to = names_.find(flying.to);
  if (from == names_.end() || to == names_.end()) return;
  TestNode& receiver = node(to->second);
  if (!receiver.replica || member_id(receiver.who) != flying.to) return;
  if (cuts_.count({from->second, to->second}) > 0) return;
  receiver.replica->on_message(flying.from, flying.message, now);
}

// R5: what the coordinator does with it, and what it says.
void ShardCluster::transact(TestNode& one, const TxnRequest& request) {
  ++txns;
  TxnResult result;
  const Fate what = one.sees_coordinator ? fate : Fate::unknown_lost;
  if (what == Fate::held) {
    late_.push_back(request.txn);
  } else if (what == Fate::failed) {
    result.outcome = TxnResult::Outcome::failed;
  } else if (what != Fate::unknown_lost) {
    const bool is_done = execute(request.txn, result.revision);
    if (what == Fate::done) {
      result.outcome = is_done ? TxnResult::Outcome::done : TxnResult::Outcome::refused;
    }
  }
  one.replica->on_txn_result(request.id, result);
}

bool ShardCluster::execute(const Txn& txn, Revision& at) {
  for (const Condition& condition : txn.conditions) {
    EXPECT_EQ(condition.key, kKey);
    if (condition.revision != record_.modified) return false;
  }
  for (const Change& change : txn.changes) {
    const auto decoded = decode_shard_record(std::get<PutKey>(change).value);
    EXPECT_TRUE(decoded) << decoded.error().message;
    record_.record = *decoded;
  }
  at = ++record_.modified;
  show_record();
  return true;
}

void ShardCluster::land() {
  Revision at = 0;
  for (const Txn& txn : std::exchange(late_, {})) execute(txn, at);
  settle();
}

void ShardCluster::send_snapshot(TestNode& one, const SnapshotRequest& request) {
  if (!sends_snapshots) return;
  ++snapshots;
  const auto to = names_.find(request.to);
  if (to == names_.end()) return;
  TestNode& receiver = node(to->second);
  if (receiver.replica && cuts_.count({one.name, receiver.name}) == 0) {
    const StoredReplica& source = one.disk.stored;
    receiver.disk.records = one.disk.records;
    receiver.disk.stored.table = source.table;
    receiver.disk.stored.last = source.last;
    receiver.disk.stored.first_kept = source.first_kept;
    receiver.disk.stored.applied = source.applied;
    receiver.replica->on_imported(request.import,
                                  {source.table, source.last, source.first_kept, source.applied});
  }
  one.replica->on_snapshot_ended(request.to, request.import);
}

void ShardCluster::turn(TestNode& one) {
  if (!one.replica) return;
  one.replica->on_applied(one.replica->apply_to());
  one.replica->take(now, one.out);
  for (LogOp& op : std::exchange(one.out.log, {})) one.unsynced.push_back(std::move(op));
  const bool is_syncing = one.syncs && !one.unsynced.empty();
  if (one.out.empty() && !is_syncing) return;
  is_moving_ = true;
  Output out;
  std::swap(out, one.out);
  if (is_syncing) {
    for (const LogOp& op : one.unsynced) one.disk.carry_out(op);
    const std::uint64_t number = one.unsynced.back().number;
    one.unsynced.clear();
    one.replica->on_synced(number);
  }
  for (const LogRead& read : out.reads) {
    std::vector<LogRecord> records;
    for (const LogRecord& record : one.disk.records) {
      const LogIndex index = record.position.index;
      if (index >= read.first && index <= read.last) records.push_back(record);
    }
    one.replica->on_log_read(read.id, records);
  }
  for (const Send& send_out : out.sends) send({one.replica->self(), send_out.to, send_out.message});
  for (const TxnRequest& request : out.txns) transact(one, request);
  if (out.record_read) {
    one.replica->on_record_read(*out.record_read, one.sees_coordinator ? &record_ : nullptr);
  }
  for (const SnapshotRequest& request : out.snapshots) send_snapshot(one, request);
  for (const RaisedAlarm& raised : out.alarms) one.alarms.push_back(raised.alarm);
  one.disk.stored.applied = one.disk.stored.meta.is_importing
                                ? 0
                                : std::min(one.replica->apply_to(), one.disk.stored.last);
  check_committed(one);
}

void ShardCluster::check_committed(const TestNode& one) {
  if (one.disk.stored.meta.is_importing) return;
  for (const LogRecord& record : one.disk.records) {
    const auto named = named_.emplace(record.position, record.checksum).first;
    EXPECT_EQ(named->second, record.checksum) << "two records in one place";
    if (record.position.index > one.replica->apply_to()) continue;
    const auto known =
        committed_
            .emplace(std::pair(one.replica->meta().lineage, record.position.index), record.position)
            .first;
    EXPECT_EQ(known->second, record.position) << one.name << " has another record committed";
  }
}

void ShardCluster::settle() {
  do {
    is_moving_ = false;
    for (auto& [name, one] : nodes_) turn(one);
    while (!flying_.empty()) {
      is_moving_ = true;
      const Flying flying = std::move(flying_.front());
      flying_.pop_front();
      deliver(flying);
    }
  } while (is_moving_);
}

void ShardCluster::run(std::int64_t ms) {
  for (const SteadyMs end = now + ms; now < end;) {
    now += 20;
    for (auto& [name, one] : nodes_) {
      if (one.replica) one.replica->on_tick(now);
    }
    settle();
  }
}

bool ShardCluster::run_until(const std::function<bool()>& is_so, std::int64_t ms) {
  settle();
  for (const SteadyMs end = now + ms; now < end && !is_so();) run(20);
  return is_so();
}

Position ShardCluster::write(const std::string& leader, const std::string& text) {
  const LogRecord record = make_record({}, as_bytes(text));
  const Position place = at(leader).propose(record.owner, record.bytes);
  settle();
  return place;
}

bool ShardCluster::are_same(const std::vector<std::string>& names) {
  const TestDisk& first = node(names.front()).disk;
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const TestDisk& disk = node(name).disk;
    return disk.stored.last == first.stored.last &&
           disk.stored.table.starts() == first.stored.table.starts() &&
           disk.stored.applied == disk.stored.last;
  });
}

}  // namespace roost::cluster::replication
