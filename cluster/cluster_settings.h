// SPDX-License-Identifier: Apache-2.0
// What a node is told about its cluster.
// Thread: immutable (values).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "cluster/controller.h"
#include "cluster/replication/settings.h"

namespace roost::cluster {

// Of this program. The protocol must be equal on both sides of a link; features are used once all
// nodes have them.
inline constexpr std::uint32_t kPeerProtocol = 1;
inline constexpr std::uint32_t kFeatureLevel = 1;

struct ClusterSettings {
  std::string cluster;
  std::string node;
  std::string address;  // host:port at which its peers find it
  std::string zone;
  std::string version;
  std::uint32_t feature_level = kFeatureLevel;

  // A new cluster waits for so many nodes (controller.first_nodes) before it makes its shards: the
  // first one alone would make shards with one replica.
  ControllerSettings controller = first_controller();
  replication::Settings replication = small_appends();

  std::int64_t lease_ms = 3000;
  std::int64_t tick_ms = 200;
  std::int64_t report_ms = 500;        // to the controller; at once when something changes
  std::int64_t command_ms = 5000;      // until a command is given up
  std::int64_t emptied_ms = 600'000;   // so long leaders stay away after move_leaders
  std::int64_t level_ms = 5000;        // all nodes there for so long before the feature level rises
  std::int64_t catch_up_ms = 120'000;  // so long a node that came back is behind at most
  std::int64_t drop_ms = 10'000;       // CoreHostsSettings

  // Of a shard that was filled before the node was in any cluster, where records and state mean
  // nothing: whether there is something of somebody's in it. None: there is.
  std::function<bool(ShardId)> has_content;
  // R3: the log writer makes no progress; asked at each tick. None: the store's counters are
  // (LogProgress).
  std::function<bool()> is_log_stuck;
  // The disk didn't take what it must: ends the process. None: only said.
  std::function<void(std::string_view why)> on_fatal;

 private:
  static ControllerSettings first_controller() {
    ControllerSettings settings;
    settings.first_nodes = 3;
    return settings;
  }
  // An Append that was read from the disk may be over this by a whole record, and fits a chunk.
  static replication::Settings small_appends() {
    replication::Settings settings;
    settings.append_bytes_max = 128 << 10;
    return settings;
  }
};

}  // namespace roost::cluster
