// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_view.h"

#include <algorithm>
#include <charconv>

namespace roost::cluster {
namespace {

std::optional<std::string_view> behind(std::string_view key, std::string_view prefix) {
  if (!key.starts_with(prefix)) return std::nullopt;
  return key.substr(prefix.size());
}

std::optional<std::uint16_t> number_of(std::string_view text, std::uint16_t max) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number > max) return std::nullopt;
  return number;
}

std::optional<std::uint16_t> shard_number(std::string_view text) {
  return number_of(text, kClusterShardsMax - 1);
}

bool contains(const Replicas& list, const Replica& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

}  // namespace

// --- the coordinator ---

void ClusterView::on_listing(const Listing& all, SteadyMs now) {
  std::set<std::string> there;
  for (const KeyValue& kv : all.keys) there.insert(kv.key);
  std::vector<std::string> lost;
  for (const auto& [key, kv] : all_) {
    if (there.count(key) == 0) lost.push_back(key);
  }
  for (const std::string& key : lost) erase(key, now);
  for (const KeyValue& kv : all.keys) put(kv, now);
  revision_ = all.revision;
}

void ClusterView::on_event(const Watcher::Event& event, SteadyMs now) {
  if (event.is_erased) {
    erase(event.now.key, now);
  } else {
    put(event.now, now);
  }
  revision_ = std::max(revision_, event.now.modified);
}

Listing ClusterView::listing() const {
  Listing all;
  all.revision = revision_;
  for (const auto& [key, kv] : all_) all.keys.push_back(kv);
  return all;
}

void ClusterView::put(const KeyValue& kv, SteadyMs now) {
  all_[kv.key] = kv;
  if (const auto id = behind(kv.key, keys_.shards())) {
    if (const auto number = shard_number(*id)) put_shard(*number, kv);
  } else if (const auto name = behind(kv.key, keys_.nodes())) {
    auto record = decode_node_record(kv.value);
    if (record && record->name == *name) put_node(std::move(record).value(), now);
  } else if (const auto leaver = behind(kv.key, keys_.leaving())) {
    leaving_.emplace(*leaver);
  } else if (kv.key == keys_.shard_count()) {
    shard_count_ = number_of(kv.value, kClusterShardsMax).value_or(0);
  }
}

void ClusterView::put_shard(std::uint16_t id, const KeyValue& kv) {
  auto record = decode_shard_record(kv.value);
  if (!record) return;  // the controller raises it
  records_[id] = {std::move(record).value(), kv.modified};
  changed_.insert(id);
}

void ClusterView::put_node(NodeRecord record, SteadyMs now) {
  const std::string name = record.name;
  const auto before = known_.find(name);
  if (before != known_.end() && before->second.incarnation < record.incarnation) {
    note_gone(name, before->second.incarnation);
  }
  const bool is_new_id = name != self_ && peers_.count(name) == 0 && last_id_ + 1 < kPeersMax;
  if (is_new_id) peers_[name].id = PeerId{++last_id_};
  if (const auto peer = peers_.find(name); peer != peers_.end()) {
    peer->second.gone = std::min(peer->second.gone, record.incarnation - 1);
  }
  const auto registered = nodes_.find(name);
  if (registered == nodes_.end() || registered->second != record) nodes_changed_ms_ = now;
  known_[name] = record;
  nodes_[name] = std::move(record);
}

void ClusterView::erase(const std::string& key, SteadyMs now) {
  all_.erase(key);
  if (const auto id = behind(key, keys_.shards())) {
    if (const auto number = shard_number(*id)) records_.erase(*number);
  } else if (const auto name = behind(key, keys_.nodes())) {
    const auto found = nodes_.find(std::string(*name));
    if (found == nodes_.end()) return;
    const NodeRecord was = std::move(found->second);
    nodes_.erase(found);
    nodes_changed_ms_ = now;
    const Peer* linked = peer(was.name);
    if (linked == nullptr || linked->session == 0 ||
        linked->identity.incarnation != was.incarnation) {
      note_gone(was.name, was.incarnation);
    }
  } else if (const auto leaver = behind(key, keys_.leaving())) {
    leaving_.erase(std::string(*leaver));
  }
}

// Without a session nobody hears of it again: its lease has ended, or nobody listens any more.
void ClusterView::look_if_gone(const std::string& name, const Peer& peer) {
  const std::uint64_t incarnation = peer.identity.incarnation;
  if (peer.session != 0 || incarnation == 0) return;
  const auto registered = nodes_.find(name);
  const bool is_registered =
      registered != nodes_.end() && registered->second.incarnation == incarnation;
  if (!is_registered || peer.seen == PeerView::Seen::refused) note_gone(name, incarnation);
}

// Its lease has ended, or a later process of that name is there.
void ClusterView::note_gone(const std::string& name, std::uint64_t incarnation) {
  const auto peer = peers_.find(name);
  if (peer == peers_.end() || incarnation <= peer->second.gone) return;
  peer->second.gone = incarnation;
  gone_.emplace_back(peer->second.id, incarnation);
}

bool ClusterView::is_registered(const Replica& replica) const {
  const auto node = nodes_.find(replica.name);
  return node != nodes_.end() && node->second.store == replica.store;
}

std::string_view ClusterView::controller() const {
  const auto found = all_.find(keys_.controller());
  if (found == all_.end()) return {};
  const std::string_view value = found->second.value;
  return value.substr(0, value.find(' '));
}

std::vector<ShardId> ClusterView::take_changed() {
  std::vector<ShardId> changed;
  for (const std::uint16_t id : std::exchange(changed_, {})) changed.push_back(ShardId{id});
  return changed;
}

// --- peers ---

bool ClusterView::holds_something(const std::string& name) const {
  return std::any_of(records_.begin(), records_.end(), [&](const auto& one) {
    const Replicas& holders = one.second.record.replicas;
    return std::any_of(holders.begin(), holders.end(),
                       [&](const Replica& holder) { return holder.name == name; });
  });
}

std::vector<PeerAddress> ClusterView::addresses() {
  std::vector<PeerAddress> all;
  for (const auto& [name, peer] : peers_) {
    const bool has_left =
        leaving_.count(name) > 0 && nodes_.count(name) == 0 && !holds_something(name);
    if (!has_left) all.push_back({peer.id, name, known_.at(name).address});
  }
  return all;
}

void ClusterView::on_peer_up(PeerId id, std::uint64_t session, const PeerIdentity& identity) {
  for (auto& [name, peer] : peers_) {
    if (peer.id != id) continue;
    if (peer.identity.incarnation < identity.incarnation && peer.identity.incarnation > 0) {
      note_gone(name, peer.identity.incarnation);
    }
    peer.session = session;
    peer.identity = identity;
    if (identity.incarnation > 0) peer.gone = std::min(peer.gone, identity.incarnation - 1);
  }
}

void ClusterView::on_peer_down(PeerId id, std::uint64_t session) {
  for (auto& [name, peer] : peers_) {
    if (peer.id != id || peer.session != session) continue;
    peer.session = 0;
    look_if_gone(name, peer);
  }
}

bool ClusterView::on_peer_seen(PeerId id, PeerView::Seen seen) {
  for (auto& [name, peer] : peers_) {
    if (peer.id != id) continue;
    const bool is_news = std::exchange(peer.seen, seen) != seen;
    look_if_gone(name, peer);
    return is_news;
  }
  return false;
}

const ClusterView::Peer* ClusterView::peer(const std::string& name) const {
  const auto found = peers_.find(name);
  return found == peers_.end() ? nullptr : &found->second;
}

const ClusterView::Peer* ClusterView::peer(PeerId id) const {
  const auto found = std::find_if(peers_.begin(), peers_.end(),
                                  [&](const auto& one) { return one.second.id == id; });
  return found == peers_.end() ? nullptr : &found->second;
}

bool ClusterView::is_linked_to_all() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    const Peer* other = peer(node.first);
    return node.first == self_ || (other != nullptr && other->session != 0);
  });
}

std::uint32_t ClusterView::count_behind() const {
  const auto is_ours = [this](const Replica& one) { return one.name == self_; };
  const auto has_us = [&](const Replicas& list) {
    return std::any_of(list.begin(), list.end(), is_ours);
  };
  return static_cast<std::uint32_t>(
      std::count_if(records_.begin(), records_.end(), [&](const auto& entry) {
        const ShardRecord& record = entry.second.record;
        return has_us(record.replicas) && !has_us(record.isr) && !has_us(record.adding) &&
               !has_us(record.removing);
      }));
}

// --- for people ---

// R2, R6
bool ClusterView::is_stalled(const ShardRecord& record) const {
  if (record.leader.name.empty() || !is_registered(record.leader)) return true;
  const auto alive = std::count_if(record.isr.begin(), record.isr.end(),
                                   [&](const Replica& one) { return is_registered(one); });
  return static_cast<std::uint32_t>(alive) < record.min_in_sync;
}

void ClusterView::describe(ClusterStatus& status) const {
  status.controller = controller();
  std::map<Replica, ClusterStatus::Node> nodes;
  const auto node_of = [&](const Replica& replica) -> ClusterStatus::Node& {
    ClusterStatus::Node& node = nodes[replica];
    if (!node.record.name.empty()) return node;
    const auto known = known_.find(replica.name);
    if (known != known_.end() && known->second.store == replica.store) node.record = known->second;
    node.record.name = replica.name;
    node.record.store = replica.store;
    return node;
  };
  for (const auto& [name, record] : nodes_) {
    ClusterStatus::Node& node = node_of({name, record.store});
    const Peer* other = peer(name);
    node.is_alive = true;
    node.is_linked = name == self_ || (other != nullptr && other->session != 0);
  }
  for (std::uint16_t id = 0; id < shard_count_; ++id) {
    if (records_.count(id) == 0) status.shards.push_back({ShardId{id}, {}, true});
  }
  for (const auto& [id, seen] : records_) {
    const ShardRecord& record = seen.record;
    status.shards.push_back({ShardId{id}, record, is_stalled(record)});
    if (!record.leader.name.empty()) ++node_of(record.leader).leads;
    for (const Replica& one : record.isr) ++node_of(one).in_sync;
    for (const Replica& one : record.replicas) {
      if (!contains(record.adding, one)) ++node_of(one).holds;
    }
  }
  std::sort(status.shards.begin(), status.shards.end(),
            [](const auto& a, const auto& b) { return a.id.value < b.id.value; });
  for (auto& [replica, node] : nodes) {
    node.is_leaving = leaving_.count(replica.name) > 0;
    status.nodes.push_back(std::move(node));
  }
}

}  // namespace roost::cluster
