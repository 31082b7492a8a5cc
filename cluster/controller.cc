// SPDX-License-Identifier: Apache-2.0
#include "cluster/controller.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "cluster/controller_state.h"

namespace roost::cluster {
namespace {

// The number that a key ends with; nullopt: it doesn't.
std::optional<std::uint16_t> number_of(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// What is left of a key behind its prefix; nullopt: it has another one.
std::optional<std::string_view> behind(std::string_view key, std::string_view prefix) {
  if (!key.starts_with(prefix)) return std::nullopt;
  return key.substr(prefix.size());
}

// Beside how far a log has got, and since when nothing was heard: those change all the time.
bool is_news(const NodeReport& before, const NodeReport& report) {
  const auto is_same = [](const ShardStatus& a, const ShardStatus& b) {
    return a.shard == b.shard && a.role == b.role && a.epoch == b.epoch && a.counter == b.counter &&
           a.lineage == b.lineage && a.is_restarted == b.is_restarted;
  };
  return before.incarnation != report.incarnation || before.is_draining != report.is_draining ||
         before.peers != report.peers ||
         !std::equal(before.shards.begin(), before.shards.end(), report.shards.begin(),
                     report.shards.end(), is_same);
}

}  // namespace

void ControllerOutput::clear() {
  txns.clear();
  alarms.clear();
}

Controller::Controller(std::string name, std::uint64_t incarnation, Keys keys,
                       ControllerSettings settings, SteadyMs now)
    : state_(
          std::make_unique<State>(std::move(name), incarnation, std::move(keys), settings, now)) {}

Controller::~Controller() = default;

void Controller::State::put_shard(std::uint16_t id, const KeyValue& kv) {
  Shard& shard = shards[id];
  if (kv.modified < shard.modified) return;  // a Txn's own answer was faster
  if (kv.modified == shard.modified && shard.is_readable) return;
  shard.modified = kv.modified;
  auto decoded = decode_shard_record(kv.value);
  shard.is_readable = decoded.has_value();
  if (!decoded) {
    raise(id, ControllerAlarm::unreadable_record, decoded.error().message);
    return;
  }
  shard.raised.erase(ControllerAlarm::unreadable_record);
  shard.record = std::move(*decoded);
}

void Controller::State::put(const KeyValue& kv) {
  if (const auto id = behind(kv.key, keys.shards())) {
    if (const auto number = number_of(*id)) put_shard(*number, kv);
  } else if (const auto node = behind(kv.key, keys.nodes())) {
    auto decoded = decode_node_record(kv.value);
    if (!decoded || decoded->name != *node) return;  // of a later version, or not ours
    const auto known = nodes.find(decoded->name);
    if (known != nodes.end() && known->second == *decoded) return;
    nodes_changed_ms = now;
    nodes[decoded->name] = std::move(*decoded);
  } else if (const auto leaver = behind(kv.key, keys.leaving())) {
    leaving.emplace(*leaver);
  } else if (kv.key == keys.controller()) {
    controller_key = kv;
    note_controller_key();
  } else if (kv.key == keys.shard_count()) {
    shard_count = number_of(kv.value);
  }
}

void Controller::State::erase(const std::string& key) {
  if (const auto id = behind(key, keys.shards())) {
    const auto number = number_of(*id);
    const auto found = number ? shards.find(*number) : shards.end();
    if (found == shards.end()) return;
    found->second.modified = 0;  // what was reported of it stays known
    found->second.record = {};
  } else if (const auto node = behind(key, keys.nodes())) {
    if (nodes.erase(std::string(*node)) > 0) nodes_changed_ms = now;
  } else if (const auto leaver = behind(key, keys.leaving())) {
    leaving.erase(std::string(*leaver));
  } else if (key == keys.controller()) {
    controller_key.reset();
    note_controller_key();
  } else if (key == keys.shard_count()) {
    shard_count.reset();
  }
}

// R3: the controller is who holds the key, known by when the key was made.
void Controller::State::note_controller_key() {
  controller_name.clear();
  Revision held = 0;
  if (controller_key) {
    controller_name = controller_key->value.substr(0, controller_key->value.find(' '));
    const bool is_own =
        controller_key->value == own_value() && lease != kNoLease && controller_key->lease == lease;
    if (is_own) held = controller_key->created;
  }
  if (held != created) elected_ms = now;
  created = held;
}

void Controller::State::raise(std::uint16_t shard, ControllerAlarm alarm, const std::string& text) {
  const auto [raised, is_new] = shards[shard].raised.emplace(alarm, now);
  if (!is_new && now - raised->second < settings.alarm_ms) return;
  raised->second = now;
  out.alarms.push_back({alarm, ShardId{shard}, text});
}

std::uint64_t Controller::State::send(Txn txn) {
  out.txns.push_back({++last_id, std::move(txn)});
  return last_id;
}

// R3: the holder of the key is gone, as this node sees itself: its lease need not be waited for.
// The key is erased, not taken over, so that the next one is another one by its creation.
bool Controller::State::must_erase_key() const {
  if (!controller_key || is_controller() || now - erased_ms < settings.stalled_ms) return false;
  const NodeReport* own = report_of(name);
  if (!own) return false;
  return std::any_of(own->peers.begin(), own->peers.end(), [&](const PeerView& peer) {
    return peer.seen == PeerView::Seen::refused &&
           peer.name + " " + std::to_string(peer.incarnation) == controller_key->value;
  });
}

void Controller::State::campaign() {
  if (lease == kNoLease || campaign_txn != 0 || now < campaign_ms) return;
  Txn txn;
  if (must_erase_key()) {
    erased_ms = now;
    txn.conditions.push_back({keys.controller(), Condition::On::created, controller_key->created});
    txn.changes.emplace_back(EraseKey{keys.controller()});
    send(std::move(txn));
    return;
  }
  if (controller_key) return;
  txn.conditions.push_back({keys.controller(), Condition::On::created, 0});
  txn.changes.emplace_back(PutKey{keys.controller(), own_value(), lease});
  campaign_txn = send(std::move(txn));
}

// R3. Whatever becomes of it, the next one has the same conditions, so that only one can win.
void Controller::State::transact(std::uint16_t id, ShardRecord next) {
  Shard& shard = shards[id];
  next.counter = std::max(next.counter, shard.record.counter) + 1;
  Txn txn;
  txn.conditions.push_back(as_controller());
  txn.conditions.push_back(as_known(id, shard));
  txn.changes.emplace_back(PutKey{keys.shard(ShardId{id}), encode(next), kNoLease});
  shard.proposed = std::move(next);
  shard.txn = send(std::move(txn));
  shard_of_txn[shard.txn] = id;
}

void Controller::State::settle(std::uint16_t id, std::uint64_t txn, const TxnResult& result) {
  Shard& shard = shards[id];
  if (shard.txn != txn) return;
  shard.txn = 0;
  const bool is_done = result.outcome == TxnResult::Outcome::done;
  const bool is_probe = shard.probe == txn;
  if (!is_done || is_probe) shard.next_ms = now + settings.retry_ms;
  if (!is_done) return;
  if (is_probe) {
    if (shard.record.counter >= shard.counter_reported) return;
    raise(id, ControllerAlarm::older_record,
          "change " + std::to_string(shard.record.counter) + " is in force, change " +
              std::to_string(shard.counter_reported) + " was seen");
  } else if (result.revision > shard.modified) {
    shard.modified = result.revision;
    shard.record = std::move(shard.proposed);
    shard.is_readable = true;
  }
}

void Controller::resign() {
  State& s = *state_;
  if (!s.is_controller()) return;
  Txn txn;
  txn.conditions.push_back(s.as_controller());
  txn.changes.emplace_back(EraseKey{s.keys.controller()});
  s.send(std::move(txn));
  s.campaign_ms = s.now + s.settings.stalled_ms;
}

void Controller::on_tick(SteadyMs now) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  s.campaign();
  if (!s.is_controller() || !s.has_heard()) return;
  if (!s.has_news && s.now - s.looked_ms < s.settings.look_ms) return;
  s.has_news = false;
  s.looked_ms = s.now;
  for (auto& [id, shard] : s.shards) {
    if (s.may_decide(id, shard)) s.elect(id, shard);
  }
  s.create_shards();
  s.place_shards();
  s.move_leaders();
}

void Controller::on_listing(const Listing& all) {
  State& s = *state_;
  s.has_news = true;
  // What isn't there any more is gone; what was learned from reports stays.
  const auto is_there = [&](const std::string& key) {
    return std::any_of(all.keys.begin(), all.keys.end(),
                       [&](const KeyValue& kv) { return kv.key == key; });
  };
  std::vector<std::string> gone;
  for (const auto& [name, node] : s.nodes) gone.push_back(s.keys.node(name));
  for (const std::string& name : s.leaving) gone.push_back(s.keys.leaving(name));
  gone.push_back(s.keys.controller());
  gone.push_back(s.keys.shard_count());
  std::erase_if(gone, is_there);
  for (const std::string& key : gone) s.erase(key);
  for (auto& [id, shard] : s.shards) {
    // Also one that is older than what was known: the coordinator was restored.
    if (all.revision < shard.modified) shard.modified = 0;
    if (!is_there(s.keys.shard(ShardId{id}))) s.erase(s.keys.shard(ShardId{id}));
  }
  for (const KeyValue& kv : all.keys) s.put(kv);
}

void Controller::on_events(const std::vector<Watcher::Event>& events) {
  state_->has_news = true;
  for (const Watcher::Event& event : events) {
    if (event.is_erased) {
      state_->erase(event.now.key);
    } else {
      state_->put(event.now);
    }
  }
}

void Controller::on_lease(LeaseId lease) {
  state_->has_news = true;
  state_->lease = lease;
  state_->note_controller_key();
}

void Controller::on_report(const NodeReport& report, SteadyMs now) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  const auto known = s.reports.find(report.name);
  // A later process of that node has reported already.
  if (known != s.reports.end() && known->second.report.incarnation > report.incarnation) return;
  for (const ShardStatus& status : report.shards) {
    State::Shard& shard = s.shards[status.shard.value];
    shard.counter_reported = std::max(shard.counter_reported, status.counter);
    shard.epoch_reported = std::max(shard.epoch_reported, status.epoch);
    shard.lineage_reported = std::max(shard.lineage_reported, status.lineage);
  }
  if (known == s.reports.end() || is_news(known->second.report, report)) s.has_news = true;
  s.reports[report.name] = {report, s.now};
}

void Controller::on_txn_result(std::uint64_t id, const TxnResult& result) {
  State& s = *state_;
  const bool is_done = result.outcome == TxnResult::Outcome::done;
  s.has_news = true;
  if (id == s.campaign_txn) {
    s.campaign_txn = 0;
    s.campaign_ms = s.now + s.settings.retry_ms;
    if (is_done)
      s.put({s.keys.controller(), s.own_value(), result.revision, result.revision, s.lease});
  } else if (id == s.count_txn) {
    s.count_txn = 0;
    s.count_ms = s.now + s.settings.retry_ms;
  } else if (const auto found = s.shard_of_txn.find(id); found != s.shard_of_txn.end()) {
    const std::uint16_t shard = found->second;
    s.shard_of_txn.erase(found);
    s.settle(shard, id, result);
  }
}

void Controller::take(SteadyMs now, ControllerOutput& out) {
  State& s = *state_;
  s.now = std::max(s.now, now);
  for (auto& txn : s.out.txns) out.txns.push_back(std::move(txn));
  for (auto& alarm : s.out.alarms) out.alarms.push_back(std::move(alarm));
  s.out.clear();
}

bool Controller::is_controller() const { return state_->is_controller(); }
const std::string& Controller::controller_name() const { return state_->controller_name; }

}  // namespace roost::cluster
