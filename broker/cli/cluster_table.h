// SPDX-License-Identifier: Apache-2.0
// What a node says of its cluster, for people.
// Thread: any thread (pure).
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>

namespace roost::cli {

// Nodes, shards that aren't well, alarms. `status`: what GET /api/v1/cluster answers.
std::string cluster_table(const boost::json::object& status);

// What may be lost when `node` is made the leader of that shard, before one is asked.
std::string forced_leader_warning(const boost::json::object& status, std::uint32_t shard,
                                  const std::string& node);

// The shard of a client id, topic, or "group/filter": {"key", "shard", "leader"}; null while the
// cluster has no shards.
boost::json::value shard_of_json(const boost::json::object& status, const std::string& key);

}  // namespace roost::cli
