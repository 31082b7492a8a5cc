// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/cluster_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "broker/base/ids.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/table.h"

namespace roost::cli {
namespace {

namespace json = boost::json;
using Row = TableRow;

void put_line(std::string& out, const char* name, const std::string& value) {
  std::array<char, 32> head{};
  std::snprintf(head.data(), head.size(), "%-14s ", name);
  out += head.data() + value + "\n";
}

std::string joined(const json::array& names, const char* between) {
  std::string text;
  for (const json::value& one : names) {
    if (!one.is_string()) continue;
    text += (text.empty() ? "" : between) + admin::printable(std::string(one.get_string()));
  }
  return text.empty() ? "-" : text;
}

std::string alive_words(const json::object& node) {
  const std::string alive = flag_field(node, "alive") ? "yes" : "NO";
  return flag_field(node, "leaving") ? alive + ", leaving" : alive;
}

void put_nodes(std::string& out, const json::object& status) {
  std::vector<Row> rows = {
      {"NODE", "ADDRESS", "ZONE", "ALIVE", "LINKED", "LEADS", "IN SYNC", "HOLDS", "VERSION"}};
  for (const json::value& one : list_field(status, "nodes")) {
    if (!one.is_object()) continue;
    const json::object& node = one.get_object();
    rows.push_back({cell(text_field(node, "name")), cell(text_field(node, "address")),
                    cell(text_field(node, "zone")), alive_words(node),
                    flag_field(node, "linked") ? "yes" : "NO", cell(number_field(node, "leads")),
                    cell(number_field(node, "in_sync")), cell(number_field(node, "holds")),
                    cell(text_field(node, "version"))});
  }
  put_table(out, rows);
}

void put_shards(std::string& out, const json::object& status) {
  const json::array& shards = list_field(status, "shards");
  std::vector<Row> rows = {{"SHARD", "LEADER", "IN SYNC", "REPLICAS", "EPOCH", "TROUBLE"}};
  for (const json::value& one : shards) {
    if (!one.is_object() || flag_field(one.get_object(), "well")) continue;
    const json::object& shard = one.get_object();
    rows.push_back({cell(number_field(shard, "id")), cell(text_field(shard, "leader")),
                    joined(list_field(shard, "in_sync"), " "),
                    joined(list_field(shard, "replicas"), " "), cell(number_field(shard, "epoch")),
                    cell(text_field(shard, "trouble"))});
  }
  if (shards.empty()) {
    out += "No shards yet: a new cluster makes them when cluster.nodes nodes are there.\n";
  } else if (rows.size() == 1) {
    out += "All " + std::to_string(shards.size()) + " shards are led and in sync.\n";
  } else {
    put_table(out, rows);
    out += std::to_string(shards.size() - (rows.size() - 1)) + " of " +
           std::to_string(shards.size()) + " shards are led and in sync.\n";
  }
}

// Null: not there.
const json::object* shard_at(const json::object& status, std::uint32_t shard) {
  for (const json::value& one : list_field(status, "shards")) {
    if (one.is_object() && number_field(one.get_object(), "id") == shard) return &one.get_object();
  }
  return nullptr;
}

bool has_name(const json::array& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const json::value& one) {
    return one.is_string() && one.get_string() == name;
  });
}

}  // namespace

std::string cluster_table(const json::object& status) {
  std::string out;
  put_line(out, "cluster",
           cell(text_field(status, "cluster")) + ", feature level " +
               cell(number_field(status, "feature_level")));
  put_line(out, "this node",
           cell(text_field(status, "self")) +
               (flag_field(status, "joined") ? ", joined" : ", NOT JOINED YET"));
  const std::string controller = text_field(status, "controller");
  put_line(out, "controller", controller.empty() ? "NONE" : admin::printable(controller));
  put_line(out, "etcd",
           flag_field(status, "coordinator_reached")
               ? "reached"
               : "NOT REACHED: traffic goes on, nothing fails over and nobody joins");
  out += "\n";
  put_nodes(out, status);
  out += "\n";
  put_shards(out, status);
  for (const json::value& one : list_field(status, "alarms")) {
    if (one.is_string()) out += "ALARM: " + admin::printable(std::string(one.get_string())) + "\n";
  }
  std::string note = text_field(status, "note");
  if (!note.empty()) {
    note.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(note.front())));
    out += note + ".\n";
  }
  return out;
}

std::string forced_leader_warning(const json::object& status, std::uint32_t shard,
                                  const std::string& node) {
  const json::object* found = shard_at(status, shard);
  const std::string number = std::to_string(shard), name = admin::printable(node);
  if (found == nullptr) return "Shard " + number + " isn't known here.\n";
  const json::array& in_sync = list_field(*found, "in_sync");
  const std::string leader = text_field(*found, "leader");
  std::string out = "Shard " + number + " is led by " + cell(leader) +
                    "; in sync: " + joined(in_sync, ", ") +
                    "; replicas: " + joined(list_field(*found, "replicas"), ", ") + ".\n";
  if (has_name(in_sync, node)) {
    out += name +
           " is in sync and holds all that was acknowledged. What only the others hold, "
           "and was not acknowledged, is lost.\nWhere the others are alive, the cluster "
           "elects by itself: see `roost cluster move-leaders`.\n";
  } else {
    out += name + " IS NOT IN SYNC. What was acknowledged and " + name +
           " doesn't hold is LOST FOR GOOD: messages,\nsessions, retained values of this shard, "
           "one of " +
           std::to_string(list_field(status, "shards").size()) +
           ". Those in sync hold all of it: bring one of them back if you can.\n";
  }
  return out + "All others copy the shard from " + name +
         " anew; what they hold of it is deleted.\n";
}

json::value shard_of_json(const json::object& status, const std::string& key) {
  const std::size_t count = list_field(status, "shards").size();
  if (count == 0 || count > kClusterShardsMax) return nullptr;
  const std::uint16_t shard = shard_of(key, static_cast<std::uint16_t>(count)).value;
  const json::object* found = shard_at(status, shard);
  return json::object{{"key", key},
                      {"shard", shard},
                      {"leader", found == nullptr ? "" : text_field(*found, "leader")}};
}

}  // namespace roost::cli
