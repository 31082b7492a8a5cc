// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_node.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace roost::cluster {

namespace {

constexpr std::int64_t kStatusMs = 1000;  // between looks at what changes by time

bool same(const std::vector<PeerAddress>& a, const std::vector<PeerAddress>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.id == y.id && x.name == y.name && x.address == y.address;
  });
}

NodeRecord own_record(const ClusterSettings& settings, const storage::ReplicaStore& store) {
  NodeRecord self{settings.node, settings.address,      0, store.uuid(), settings.version,
                  settings.zone, settings.feature_level};
  self.brings_epoch = brought_epoch(store, settings.controller.shard_count);
  self.brings = brought(store, settings.controller.shard_count, settings.has_content);
  return self;
}

}  // namespace

ClusterNode::ClusterNode(ClusterSettings settings, Coordinator& coordinator,
                         storage::ReplicaStore& store, std::vector<CoreHosts::Post> cores,
                         NetworkFactory network, ClusterEvents& events, Log& log,
                         const Clock& clock)
    : settings_(std::move(settings)),
      keys_(settings_.cluster),
      coordinator_(coordinator),
      store_(store),
      make_network_(std::move(network)),
      events_(events),
      log_(log),
      clock_(clock),
      thread_([this] { tick(); }, std::chrono::milliseconds(settings_.tick_ms)),
      post_(thread_.poster()),
      view_(keys_, settings_.node),
      registration_(keys_, own_record(settings_, store), settings_.lease_ms, coordinator, post_,
                    [this](LeaseId lease) { on_lease(lease); }),
      questions_([this](PeerId to, std::uint64_t session, std::string chunk) {
        return network_ && network_->send(to, session, Lane::bulk, std::move(chunk));
      }) {
  CoreNode& node = *this;
  for (CoreHosts::Post& post : cores) {
    CoreHostsSettings core;
    core.core = cores_.size();
    core.cores = cores.size();
    core.self = {settings_.node, store.uuid()};
    core.replication = settings_.replication;
    core.drop_ms = settings_.drop_ms;
    auto hosts = std::make_unique<CoreHosts>(core, keys_, store, post, node, clock);
    cores_.push_back({std::move(post), std::move(hosts), {}});
  }
}

ClusterNode::~ClusterNode() { stop(); }

void ClusterNode::start() {
  aside_.start();
  thread_.start();
  post_([this] { watch_ = coordinator_.watch(keys_.prefix(), *this); });
}

void ClusterNode::stop() {
  thread_.stop();
  watch_.reset();
  registration_.end();
  {
    const std::unique_lock lock(sending_mutex_);
    sending_ = nullptr;
  }
  network_.reset();
  aside_.stop();
  for (const CommandPtr& command : std::exchange(commands_, {})) give_up(command);
  questions_.end();
}

void ClusterNode::tick() {
  const SteadyMs now = clock_.steady_ms();
  const bool is_stuck = settings_.is_log_stuck ? settings_.is_log_stuck()
                                               : log_progress_.is_stuck(store_.counters(), now);
  if (is_stuck && controller_) controller_->resign();
  registration_.tick(now, clock_.wall_ms(), !is_stuck);
  if (!controller_ && registration_.incarnation() > 0) begin(now);
  if (controller_) {
    turn_controller();
    look_at_space();
    const bool is_due = now - reported_ms_ >= settings_.report_ms;
    if (is_due || is_report_urgent_) send_report();
    raise_feature_level();
  }
  tick_commands();
  questions_.tick(now);
  tell_joined();
  say_trouble();
  if (is_status_old_ || now - status_ms_ >= kStatusMs) note_status();
}

// The incarnation is known: from here on there is somebody to speak of.
void ClusterNode::begin(SteadyMs now) {
  incarnation_ = registration_.incarnation();
  controller_.emplace(settings_.node, incarnation_, keys_, settings_.controller, now);
  controller_->on_lease(lease_);
  controller_->on_listing(view_.listing());
  PeerIdentity self;
  self.cluster = settings_.cluster;
  self.name = settings_.node;
  self.incarnation = incarnation_;
  self.store = store_.uuid();
  self.version = settings_.version;
  self.protocol = kPeerProtocol;
  self.feature_level = settings_.feature_level;
  network_ = make_network_(self, *this);
  {
    const std::unique_lock lock(sending_mutex_);
    sending_ = network_.get();
  }
  after_news();
}

// --- the coordinator ---

void ClusterNode::on_reset(const Listing& all) {
  post_([this, all] {
    const SteadyMs now = heard_ms_ = clock_.steady_ms();
    view_.on_listing(all, now);
    registration_.on_listing(all);
    if (controller_) controller_->on_listing(all);
    after_news();
  });
}

void ClusterNode::on_change(const std::vector<Event>& events, Revision /*revision*/) {
  post_([this, events] {
    const SteadyMs now = heard_ms_ = clock_.steady_ms();
    for (const Event& event : events) {
      view_.on_event(event, now);
      registration_.on_event(event);
    }
    if (controller_) controller_->on_events(events);
    after_news();
  });
}

void ClusterNode::on_lease(LeaseId lease) {
  lease_ = lease;
  is_status_old_ = true;
  if (controller_) controller_->on_lease(lease);
  const std::string name = settings_.node + ", incarnation " + std::to_string(incarnation_);
  log_.write(LogLevel::info,
             "cluster " + settings_.cluster +
                 (lease != kNoLease ? ": registered as " : ": not registered any more: ") + name);
}

// Its successor, if it is there already, is somebody else.
void ClusterNode::tell_replicas(PeerId gone, std::uint64_t incarnation) {
  const ClusterView::Peer* peer = view_.peer(gone);
  if (peer == nullptr || peer->session != 0 || peer->identity.incarnation != incarnation) return;
  const auto member = replication::member_id({peer->identity.name, peer->identity.store});
  for (const Core& core : cores_) {
    core.post([hosts = core.hosts.get(), member] { hosts->on_member_gone(member); });
  }
}

void ClusterNode::after_news() {
  is_status_old_ = true;
  if (network_) {
    auto addresses = view_.addresses();
    if (!same(addresses, addresses_)) {
      addresses_ = addresses;
      network_->set_peers(std::move(addresses));
    }
  }
  for (const auto& [peer, incarnation] : view_.take_gone()) {
    tell_replicas(peer, incarnation);
    events_.on_peer_gone(peer, incarnation);
  }
  for (const ShardId shard : view_.take_changed()) show_record(shard);
  if (controller_name_ != view_.controller()) {
    controller_name_ = view_.controller();
    is_report_urgent_ = true;
  }
  find_refusal();
  if (controller_ && is_report_urgent_) send_report();
  if (registration_.feature_level() > feature_level_) {
    feature_level_ = registration_.feature_level();
    log_.write(LogLevel::info, "cluster " + settings_.cluster + ": feature level " +
                                   std::to_string(feature_level_) + " is in force");
  }
  turn_controller();
  tell_joined();
}

void ClusterNode::show_record(ShardId shard) {
  const auto found = view_.records().find(shard.value);
  if (found == view_.records().end()) return;
  Core& core = cores_[shard.value % cores_.size()];
  core.post(
      [hosts = core.hosts.get(), shard, seen = found->second] { hosts->on_record(shard, seen); });
}

// Two replicas of one cluster never share a number; one that does speaks as the other.
void ClusterNode::find_refusal() {
  const Replica self{settings_.node, store_.uuid()};
  const auto number = replication::member_id(self);
  std::string taken_by;
  const auto look = [&](const Replica& other) {
    if (other != self && replication::member_id(other) == number) taken_by = other.name;
  };
  for (const auto& [name, record] : view_.nodes()) look({name, record.store});
  for (const auto& [id, seen] : view_.records()) {
    for (const Replica& other : seen.record.replicas) look(other);
  }
  registration_.set_refusal(taken_by.empty() ? "" : "has the same number as " + taken_by);
}

// --- the controller ---

void ClusterNode::turn_controller() {
  if (!controller_) return;
  ControllerOutput out;
  controller_->on_tick(clock_.steady_ms());
  controller_->take(clock_.steady_ms(), out);
  for (replication::TxnRequest& request : out.txns) {
    coordinator_.transact(std::move(request.txn),
                          [this, post = post_, id = request.id](const TxnResult& result) {
                            post([this, id, result] {
                              if (result.outcome == TxnResult::Outcome::done)
                                heard_ms_ = clock_.steady_ms();
                              controller_->on_txn_result(id, result);
                              turn_controller();
                            });
                          });
  }
  for (const auto& one : out.alarms) raise_here(one.shard, one.text);
}

// All that hold something are there and have it, and have been for a while: nobody is in the middle
// of a restart with the program of before.
void ClusterNode::raise_feature_level() {
  const std::uint32_t in_force = registration_.feature_level();
  const auto& nodes = view_.nodes();
  const bool may_raise = controller_->is_controller() && !is_raising_level_ && in_force > 0 &&
                         !view_.records().empty() &&
                         clock_.steady_ms() - view_.nodes_changed_ms() >= settings_.level_ms;
  if (!may_raise) return;
  std::uint32_t lowest = settings_.feature_level;
  for (const auto& [name, record] : nodes) lowest = std::min(lowest, record.feature_level);
  if (lowest <= in_force) return;
  for (const auto& [id, seen] : view_.records()) {
    for (const Replica& one : seen.record.replicas) {
      if (nodes.count(one.name) == 0) return;
    }
  }
  is_raising_level_ = true;
  Txn txn;
  txn.conditions.push_back(
      {keys_.feature_level(), Condition::On::modified, registration_.feature_level_modified()});
  txn.changes.emplace_back(PutKey{keys_.feature_level(), std::to_string(lowest), kNoLease});
  coordinator_.transact(std::move(txn), [this, post = post_](const TxnResult&) {
    post([this] { is_raising_level_ = false; });
  });
}

// --- what is said ---

void ClusterNode::tell_joined() {
  if (was_joined_ || !registration_.is_registered() || !view_.is_linked_to_all()) return;
  was_joined_ = true;
  joined_ms_ = clock_.steady_ms();
  note_status();
  log_.write(LogLevel::info, "cluster " + settings_.cluster + ": joined, " +
                                 std::to_string(view_.nodes().size()) + " nodes");
  events_.on_joined();
}

// The controller gives what this node leads to others, and nothing back while it is so. All stay
// members: what is essential is still written, and so is what others lead.
void ClusterNode::look_at_space() {
  const bool is_full = store_.is_low_on_space();
  if (std::exchange(is_full_, is_full) == is_full) return;
  is_report_urgent_ = true;
  log_.write(LogLevel::warn,
             "cluster " + settings_.cluster +
                 (is_full ? ": the disk is nearly full: others shall lead, where others can"
                          : ": the disk has room again: this node may lead"));
}

void ClusterNode::send_report() {
  const SteadyMs now = reported_ms_ = clock_.steady_ms();
  is_report_urgent_ = false;
  NodeReport report{settings_.node, store_.uuid(), incarnation_, is_draining_ || is_full_, {}, {}};
  for (const auto& [name, peer] : view_.peers()) {
    report.peers.push_back({name, peer.identity.incarnation, peer.seen});
  }
  for (const Core& core : cores_) {
    report.shards.insert(report.shards.end(), core.shards.begin(), core.shards.end());
  }
  std::sort(report.shards.begin(), report.shards.end(),
            [](const auto& a, const auto& b) { return a.shard < b.shard; });
  const ClusterView::Peer* controller = view_.peer(controller_name_);
  if (controller != nullptr && controller->session != 0) {
    network_->send(controller->id, controller->session, Lane::replication, encode(report));
  }
  on_report(std::move(report), now);
}

// Of whose node leaders were moved away: as if it were about to stop.
void ClusterNode::on_report(NodeReport report, SteadyMs now) {
  const auto emptied = emptied_.find(report.name);
  if (emptied != emptied_.end()) {
    const bool is_so =
        emptied->second.incarnation == report.incarnation && now < emptied->second.until_ms;
    report.is_draining |= is_so;
    if (!is_so) emptied_.erase(emptied);
  }
  controller_->on_report(report, now);
  turn_controller();
}

}  // namespace roost::cluster
