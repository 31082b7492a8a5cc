// SPDX-License-Identifier: Apache-2.0
#include "broker/server/overview_api.h"

#include <boost/json/array.hpp>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "broker/server/api_answer.h"
#include "broker/server/cluster_api.h"
#include "broker/server/node.h"
#include "broker/server/status.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;

json::object alarm(const char* severity, std::string text) {
  return {{"severity", severity}, {"text", std::move(text)}};
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

json::array alarms_of(const cluster::ClusterStatus& status) {
  json::array all;
  for (const auto& node : status.nodes) {
    if (node.is_alive) continue;
    all.push_back(alarm("critical", "node " + node.record.name + " is away"));
  }
  std::size_t leaderless = 0, stalled = 0;
  for (const auto& shard : status.shards) {
    if (shard.record.leader.name.empty()) {
      ++leaderless;
    } else if (shard.is_stalled) {
      ++stalled;
    }
  }
  if (leaderless > 0) {
    all.push_back(alarm("critical", counted(leaderless, "shard") + " without a leader"));
  }
  if (stalled > 0) {
    all.push_back(alarm(
        "critical", counted(stalled, "shard") + " stalled: QoS 1 and 2 wait for replicas in sync"));
  }
  if (!status.coordinator_reached) {
    all.push_back(alarm("critical", "the coordinator (etcd) isn't reached"));
  }
  if (const std::string note = two_nodes_note(status); !note.empty()) {
    all.push_back(alarm("warning", note));
  }
  return all;
}

OverviewApi::OverviewApi(Node& node, Fleet& fleet, cluster::Cluster* cluster)
    : node_(node), fleet_(fleet), cluster_(cluster) {
  fleet.add("history",
            [this](const Fleet::Object&) -> Told { return json::value(node_.history.json()); });
  fleet.add("drops", [this](const Fleet::Object&) { return drops_here(); });
  fleet.add("alarms", [this](const Fleet::Object&) { return alarms_here(); });
}

std::vector<http::Route> OverviewApi::routes() {
  return {{"GET", "/api/v1/history", [this](const http::Request&) { return history(); }},
          {"GET", "/api/v1/drops", [this](const http::Request&) { return drops(); }},
          {"GET", "/api/v1/alarms", [this](const http::Request&) { return alarms(); }}};
}

http::Response OverviewApi::history() {
  const auto said = fleet_.ask_all("history", {});
  json::array nodes;
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    json::object row = one.told->as_object();
    row["node"] = one.node;
    nodes.push_back(std::move(row));
  }
  json::object result = {{"every_s", History::kEveryMs / 1000}, {"nodes", std::move(nodes)}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

Told OverviewApi::drops_here() {
  json::object causes;
  for_each_drop(node_, [&](const char* cause, std::uint64_t count) { causes[cause] = count; });
  return json::value(std::move(causes));
}

// {"causes": {"expired": 3}, "nodes": [{"node": "a", "causes": {...}}]}
http::Response OverviewApi::drops() {
  const auto said = fleet_.ask_all("drops", {});
  std::map<std::string, std::uint64_t> sums;
  json::array nodes;
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    for (const auto& [cause, count] : one.told->as_object()) {
      sums[std::string(cause)] += count.to_number<std::uint64_t>();
    }
    nodes.push_back(json::object{{"node", one.node}, {"causes", *one.told}});
  }
  json::object causes;
  for (const auto& [cause, count] : sums) causes[cause] = count;
  json::object result = {{"causes", std::move(causes)}, {"nodes", std::move(nodes)}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

// What stands at the controller and at this node's replicas, and what this node sees of itself.
Told OverviewApi::alarms_here() {
  json::array all;
  if (cluster_ != nullptr) {
    for (const std::string& text : cluster_->status().alarms) {
      all.push_back(alarm("warning", text));
    }
  }
  if (const std::string why = why_not_ready(node_); !why.empty()) {
    all.push_back(alarm("warning", "not ready: " + why));
  }
  const storage::Store& store = node_.store->store();
  if (store.is_low_on_space()) {
    all.push_back(alarm("critical", "the disk is nearly full: new messages are refused"));
  }
  if (const auto damaged = store.counters().damaged_files.value(); damaged > 0) {
    all.push_back(alarm("warning", counted(damaged, "damaged file") + " put aside at the start"));
  }
  return json::value(std::move(all));
}

// Of all nodes, those of the whole cluster first and without a node's name.
http::Response OverviewApi::alarms() {
  json::array all;
  if (cluster_ != nullptr) {
    for (json::value& one : alarms_of(cluster_->status())) {
      one.as_object()["node"] = "";
      all.push_back(std::move(one));
    }
  }
  const auto said = fleet_.ask_all("alarms", {});
  std::set<std::string> known;  // one that was raised twice is told once
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    for (const json::value& raised : one.told->as_array()) {
      json::object row = raised.as_object();
      row["node"] = one.node;
      const std::string name = one.node + "\n" + text_of(row, "text");
      if (known.insert(name).second) all.push_back(std::move(row));
    }
  }
  json::object result = {{"alarms", std::move(all)}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

}  // namespace roost::server
