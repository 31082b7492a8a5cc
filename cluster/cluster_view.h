// SPDX-License-Identifier: Apache-2.0
// What a node knows of its cluster: what the coordinator shows, and which peers are linked. Gives
// peers their numbers.
// Thread: the cluster node's.
// Owner: the cluster node.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "cluster/cluster.h"
#include "cluster/coordinator.h"
#include "cluster/peer_network.h"
#include "cluster/replication/shard_replica.h"
#include "cluster/shard_record.h"

namespace roost::cluster {

class ClusterView {
 public:
  struct Peer {
    PeerId id;
    std::uint64_t session = 0;  // 0: none
    PeerIdentity identity;      // of the last session
    PeerView::Seen seen = PeerView::Seen::silent;
    std::uint64_t gone = 0;  // the highest incarnation that was said to be over
  };
  using Gone = std::pair<PeerId, std::uint64_t>;  // and the incarnation

  // `self`: this node's name.
  ClusterView(Keys keys, std::string self) : keys_(std::move(keys)), self_(std::move(self)) {}

  // --- the coordinator ---
  void on_listing(const Listing& all, SteadyMs now);
  void on_event(const Watcher::Event& event, SteadyMs now);
  Listing listing() const;                                                   // as told
  const std::map<std::string, NodeRecord>& nodes() const { return nodes_; }  // registered
  const std::map<std::string, NodeRecord>& known() const { return known_; }  // ever
  const std::map<std::uint16_t, replication::SeenRecord>& records() const { return records_; }
  SteadyMs nodes_changed_ms() const { return nodes_changed_ms_; }
  bool is_registered(const Replica& replica) const;
  std::string_view controller() const;  // name of the node; empty: none
  // Since the last call.
  std::vector<ShardId> take_changed();
  std::vector<Gone> take_gone() { return std::exchange(gone_, {}); }

  // --- peers ---
  // Of all that were ever registered, but for those that left for good.
  std::vector<PeerAddress> addresses();
  void on_peer_up(PeerId id, std::uint64_t session, const PeerIdentity& identity);
  void on_peer_down(PeerId id, std::uint64_t session);
  bool on_peer_seen(PeerId id, PeerView::Seen seen);  // false: nothing new
  const std::map<std::string, Peer>& peers() const { return peers_; }
  const Peer* peer(const std::string& name) const;
  const Peer* peer(PeerId id) const;
  // A session with every other registered node.
  bool is_linked_to_all() const;
  // Shards that have a seat for this node, which isn't in sync; those it joins aren't counted.
  std::uint32_t count_behind() const;

  // --- for people: nodes, shards, the controller ---
  void describe(ClusterStatus& status) const;

 private:
  void put(const KeyValue& kv, SteadyMs now);
  void erase(const std::string& key, SteadyMs now);
  void put_node(NodeRecord record, SteadyMs now);
  void put_shard(std::uint16_t id, const KeyValue& kv);
  void note_gone(const std::string& name, std::uint64_t incarnation);
  void look_if_gone(const std::string& name, const Peer& peer);
  bool holds_something(const std::string& name) const;
  bool is_stalled(const ShardRecord& record) const;

  const Keys keys_;
  const std::string self_;
  Revision revision_ = 0;
  std::map<std::string, KeyValue> all_;
  std::map<std::string, NodeRecord> nodes_, known_;
  SteadyMs nodes_changed_ms_ = 0;
  std::map<std::uint16_t, replication::SeenRecord> records_;
  std::uint16_t shard_count_ = 0;  // told by the coordinator; a new cluster makes them bit by bit
  std::set<std::string> leaving_;
  std::set<std::uint16_t> changed_;
  std::vector<Gone> gone_;
  std::map<std::string, Peer> peers_;
  std::uint16_t last_id_ = 0;
};

}  // namespace roost::cluster
