// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/disk_trio.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>

#include "broker/base/check.h"

namespace roost::cluster {

namespace {

std::string make_folder() {
  char name[] = "/tmp/roost-trio-XXXXXX";
  return ::mkdtemp(name);
}

}  // namespace

DiskTrio::Node::Node(DiskTrio& trio, std::string node_name)
    : name(std::move(node_name)), trio_(trio), path_(trio.folder_ + "/" + name) {}

DiskTrio::Node::~Node() { stop(); }

void DiskTrio::Node::start() {
  storage::StoreOptions options;
  options.path = path_;
  options.reserve_bytes = 0;
  options.write_buffer_bytes = 4 << 20;
  auto opened = storage::ReplicaStore::open(options, log_);
  CHECK(opened.has_value());
  store = std::move(opened).value();
  uuid = store->uuid();
  posted_ = std::make_shared<Posted>();
  applied.clear();
  applied_to = store->applied(kTrioShard);
  auto host_opened = ReplicaHost::open(kTrioShard, who(), trio_.keys_, trio_.settings_, *store,
                                       poster(), *this, trio_.now());
  CHECK(host_opened.has_value());
  host = std::move(host_opened).value();
  if (trio_.revision_ > 0) host->replica().on_record({trio_.record_, trio_.revision_});
}

// The store answers to a queue that outlives the host; nobody reads it any more.
void DiskTrio::Node::stop() {
  if (break_stream_) std::exchange(break_stream_, nullptr)();
  receiver_.reset();
  store.reset();
  host.reset();
  posted_.reset();
}

void DiskTrio::Node::lose_disk() {
  CHECK(!is_running());
  std::filesystem::remove_all(path_);
}

ReplicaHost::Post DiskTrio::Node::poster() {
  return [posted = posted_](std::function<void()> job) {
    const std::lock_guard lock(posted->mutex);
    posted->jobs.push_back(std::move(job));
  };
}

void DiskTrio::Node::turn() {
  if (!is_running()) return;
  std::deque<std::function<void()>> jobs;
  {
    const std::lock_guard lock(posted_->mutex);
    jobs.swap(posted_->jobs);
  }
  for (const auto& job : jobs) job();
  host->replica().on_tick(trio_.now());
  host->turn(trio_.now());
}

bool DiskTrio::Node::write(const std::string& text) {
  if (!is_running() || !host->replica().can_propose()) return false;
  const auto record = replication::make_record({}, as_bytes(text));
  host->replica().propose(record.owner, record.bytes);
  return true;
}

void DiskTrio::Node::checkpoint() {
  storage::StateBatch batch;
  for (std::size_t i = 0; i < applied.size(); ++i) batch.put("text/" + applied[i], as_bytes("1"));
  auto done = std::make_shared<bool>(false);
  host->write_state(applied_to, applied_to + 1, std::move(batch), [=, this](const Result<void>&) {
    store->flush_state([=, this, post = poster()](const Result<void>& flushed) {
      post([=, this] {
        CHECK(flushed.has_value());
        host->on_flushed(host->trim_to());
        *done = true;
      });
    });
  });
  CHECK(trio_.run_until([done] { return *done; }));
}

std::map<std::string, std::string> DiskTrio::Node::state() const {
  std::map<std::string, std::string> found;
  const auto scanned =
      store->view()->scan(kTrioShard, "", "", [&](std::string_view key, ByteView value) {
        found.emplace(key, as_text(value));
        return true;
      });
  CHECK(scanned.has_value());
  return found;
}

void DiskTrio::Node::send(ShardId, replication::MemberId to, replication::Message message) {
  trio_.flying_.push_back({host->replica().self(), to, std::move(message)});
}

void DiskTrio::Node::transact(ShardId, std::uint64_t id, Txn txn) {
  const TxnResult result =
      is_cut_off ? TxnResult{TxnResult::Outcome::failed, 0, "cut off"} : trio_.execute(txn);
  poster()([this, id, result] { host->replica().on_txn_result(id, result); });
}

void DiskTrio::Node::read_record(ShardId, std::uint64_t id) {
  poster()([this, id] {
    const replication::SeenRecord seen{trio_.record_, trio_.revision_};
    host->replica().on_record_read(id, is_cut_off ? nullptr : &seen);
  });
}

void DiskTrio::Node::send_snapshot(ShardId, replication::MemberId to, std::uint64_t import) {
  Node* target = trio_.by_id(to);
  auto sender = SnapshotSender::begin(*store, kTrioShard, import);
  CHECK(sender.has_value());
  if (target == nullptr || !target->is_running()) {
    poster()([this, to, import] { host->replica().on_snapshot_ended(to, import); });
    return;
  }
  target->receiver_ =
      std::make_unique<SnapshotReceiver>(*target->store, kTrioShard, import, target->poster());
  ++target->imports;
  target->break_stream_ = [this, to, import] {
    if (is_running()) host->replica().on_snapshot_ended(to, import);
  };
  target->receive(import, *this, std::move(sender).value());
}

void DiskTrio::Node::receive(std::uint64_t import, Node& from,
                             std::shared_ptr<SnapshotSender> sender) {
  auto piece = sender->next();
  CHECK(piece.has_value());
  if (!*piece) {
    host->on_imported(import, *receiver_->imported());
    break_stream_ = nullptr;
    from.host->replica().on_snapshot_ended(host->replica().self(), import);
    return;
  }
  receiver_->take(**piece, [=, this, &from](const Result<void>& result) {
    CHECK(result.has_value());
    from.host->replica().on_snapshot_progress(host->replica().self(), import);
    receive(import, from, sender);
  });
}

void DiskTrio::Node::apply(ShardId, const replication::LogRecord& record) {
  applied.emplace_back(as_text(record.bytes));
  applied_to = record.position.index;
}

void DiskTrio::Node::replaced(ShardId) { applied.clear(); }

void DiskTrio::Node::raise(ShardId, const replication::RaisedAlarm& alarm) {
  alarms.push_back(alarm.text);
}

DiskTrio::DiskTrio(replication::Settings settings) : settings_(settings), folder_(make_folder()) {
  for (const char* name : {"a", "b", "c"}) {
    nodes_.push_back(std::make_unique<Node>(*this, name));
    nodes_.back()->start();
  }
}

DiskTrio::~DiskTrio() {
  for (const auto& one : nodes_) one->stop();
  nodes_.clear();
  std::filesystem::remove_all(folder_);
}

void DiskTrio::elect(std::size_t leader, const std::vector<std::size_t>& isr) {
  if (revision_ == 0) record_.min_in_sync = 2;
  ++record_.epoch;
  ++record_.counter;
  if (record_.lineage == 0) record_.lineage = 1;
  record_.leader = node(leader).who();
  record_.isr.clear();
  for (const std::size_t i : isr) record_.isr.push_back(node(i).who());
  record_.replicas.clear();
  record_.adding.clear();
  for (const auto& one : nodes_) {
    record_.replicas.push_back(one->who());
    const auto& in_sync = record_.isr;
    const bool is_in_sync = std::find(in_sync.begin(), in_sync.end(), one->who()) != in_sync.end();
    if (!is_in_sync) record_.adding.push_back(one->who());
  }
  ++revision_;
  show();
}

void DiskTrio::show() {
  for (const auto& one : nodes_) {
    if (one->is_running() && !one->is_cut_off) {
      one->host->replica().on_record({record_, revision_});
    }
  }
}

TxnResult DiskTrio::execute(const Txn& txn) {
  for (const Condition& condition : txn.conditions) {
    if (condition.revision != revision_) return {TxnResult::Outcome::refused, revision_, {}};
  }
  for (const Change& change : txn.changes) {
    auto record = decode_shard_record(std::get<PutKey>(change).value);
    CHECK(record.has_value());
    record_ = std::move(record).value();
  }
  ++revision_;
  show();
  return {TxnResult::Outcome::done, revision_, {}};
}

DiskTrio::Node* DiskTrio::by_id(replication::MemberId id) {
  for (const auto& one : nodes_) {
    if (replication::member_id(one->who()) == id) return one.get();
  }
  return nullptr;
}

bool DiskTrio::run_until(const std::function<bool()>& is_so) {
  const SteadyMs end = now() + 20'000;
  while (!is_so()) {
    if (now() > end) return false;
    for (const auto& one : nodes_) one->turn();
    if (flying_.empty()) std::this_thread::sleep_for(std::chrono::microseconds(200));
    for (std::deque<Flying> due = std::exchange(flying_, {}); !due.empty(); due.pop_front()) {
      const Flying& one = due.front();
      Node* from = by_id(one.from);
      Node* to = by_id(one.to);
      if (from == nullptr || to == nullptr || !to->is_running()) continue;
      if (from->is_cut_off || to->is_cut_off) continue;
      to->host->replica().on_message(one.from, one.message, now());
    }
  }
  return true;
}

}  // namespace roost::cluster
