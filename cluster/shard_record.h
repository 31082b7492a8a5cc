// SPDX-License-Identifier: Apache-2.0
// What the coordinator keeps of shards and nodes, and their keys. REPLICATION, "Keys in etcd".
// As text, a field a line, so that an operator can read it with etcdctl.
// Thread: immutable (values).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/ids.h"
#include "broker/base/result.h"

namespace roost::cluster {

// One copy of a shard. Another store is another replica, whatever its name. R7
struct Replica {
  std::string name;   // of the node
  std::string store;  // uuid of its data directory
  friend auto operator<=>(const Replica&, const Replica&) = default;
};

using Replicas = std::vector<Replica>;

struct ShardRecord {
  std::uint64_t counter = 0;  // of changes: whoever has seen a higher one than is read now knows
                              // that the coordinator was restored from an old backup
  std::uint64_t lineage = 0;  // another one after a forced leader: nothing older can be continued
  std::uint64_t epoch = 0;    // of the leader. R1
  Replica leader;             // empty name: none
  Replicas isr;               // in sync, the leader among them
  Replicas replicas;          // all that shall hold the shard, the leader among them
  Replicas adding;            // of `replicas`: shall come into the ISR
  Replicas removing;          // shall leave as soon as enough others are in sync
  std::uint32_t min_in_sync = 1;

  friend bool operator==(const ShardRecord&, const ShardRecord&) = default;
};

// What a node has from the time before it was in any cluster: shards that no record of one stands
// beside. The numbers are those of the text; a level that isn't known counts as content.
enum class Brought : std::uint8_t {
  nothing = 0,
  content = 1,      // clients' or operators': sessions, messages, retained ones
  bookkeeping = 2,  // it ran by itself, and kept nothing for anybody
};

struct NodeRecord {
  std::string name;
  std::string address;            // host:port for its peers
  std::uint64_t incarnation = 0;  // of the process: another one after each start
  std::string store;              // uuid of its data directory
  std::string version;
  std::string zone;                 // may be empty
  std::uint32_t feature_level = 0;  // that the program has; 0: it says none
  Brought brings = Brought::nothing;
  // The highest epoch of what it brings: a node alone takes a new one at each start, and the shards
  // of a cluster begin behind it.
  std::uint64_t brings_epoch = 0;

  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

std::string encode(const ShardRecord& record);
std::string encode(const NodeRecord& record);
// Errors: corrupt (line and what is wrong with it). Unknown fields are skipped: a later version's.
Result<ShardRecord> decode_shard_record(std::string_view text);
Result<NodeRecord> decode_node_record(std::string_view text);

// "/roost/<cluster>/..."
class Keys {
 public:
  explicit Keys(std::string_view cluster) : prefix_("/roost/" + std::string(cluster) + "/") {}
  const std::string& prefix() const { return prefix_; }
  std::string nodes() const { return prefix_ + "nodes/"; }
  std::string node(std::string_view name) const { return nodes() + std::string(name); }
  std::string controller() const { return prefix_ + "controller"; }
  // No lease: stays until it is taken back. The node holds no shards. A restart is no leaving.
  std::string leaving() const { return prefix_ + "leaving/"; }
  std::string leaving(std::string_view name) const { return leaving() + std::string(name); }
  // How many shards there are; written once, before the first of them.
  std::string shard_count() const { return prefix_ + "shard_count"; }
  // No lease: the highest incarnation that a node of that name ever had.
  std::string incarnation(std::string_view name) const {
    return prefix_ + "incarnations/" + std::string(name);
  }
  // The level that is in force; no lease, never falls. Written anew with every registration.
  std::string feature_level() const { return prefix_ + "feature_level"; }
  // No lease: what the keys of TLS session tickets are derived from, the same on all nodes.
  std::string ticket_secret() const { return prefix_ + "ticket_secret"; }
  std::string shards() const { return prefix_ + "shards/"; }
  std::string shard(ShardId id) const { return shards() + std::to_string(id.value); }

 private:
  std::string prefix_;
};

}  // namespace roost::cluster
