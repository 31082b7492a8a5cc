// SPDX-License-Identifier: Apache-2.0
#include "broker/server/cluster_api.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "broker/server/api_answer.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using cluster::ClusterStatus;
using cluster::Replicas;
using cluster::ShardRecord;

json::array names_of(const Replicas& replicas) {
  json::array names;
  for (const cluster::Replica& one : replicas) names.push_back(json::value(one.name));
  return names;
}

std::string words_of(const Replicas& replicas) {
  std::string words;
  for (const cluster::Replica& one : replicas) words += (words.empty() ? "" : ", ") + one.name;
  return words;
}

// Empty: the shard is led, and all that shall hold it are in sync.
std::string trouble_of(const ClusterStatus::Shard& shard) {
  const ShardRecord& record = shard.record;
  std::vector<std::string> parts;
  if (record.replicas.empty()) return "not made yet: a new cluster makes a few at a time";
  if (record.leader.name.empty()) parts.emplace_back("no leader");
  if (shard.is_stalled) {
    parts.emplace_back("stalled: QoS 1 and 2 wait, " + std::to_string(record.isr.size()) +
                       " in sync, " + std::to_string(record.min_in_sync) + " needed");
  }
  Replicas late;
  for (const cluster::Replica& one : record.replicas) {
    const auto is_in = [&](const Replicas& some) {
      return std::find(some.begin(), some.end(), one) != some.end();
    };
    if (!is_in(record.isr) && !is_in(record.adding)) late.push_back(one);
  }
  if (!late.empty()) parts.emplace_back("not in sync: " + words_of(late));
  if (!record.adding.empty()) parts.emplace_back("joining: " + words_of(record.adding));
  if (!record.removing.empty()) parts.emplace_back("leaving: " + words_of(record.removing));
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

json::object json_of(const ClusterStatus::Node& node) {
  const cluster::NodeRecord& record = node.record;
  return {{"name", record.name},
          {"address", record.address},
          {"zone", record.zone},
          {"version", record.version},
          {"incarnation", record.incarnation},
          {"store", record.store},
          {"alive", node.is_alive},
          {"linked", node.is_linked},
          {"leaving", node.is_leaving},
          {"leads", node.leads},
          {"in_sync", node.in_sync},
          {"holds", node.holds}};
}

json::object json_of(const ClusterStatus::Shard& shard) {
  const ShardRecord& record = shard.record;
  const std::string trouble = trouble_of(shard);
  return {{"id", shard.id.value},
          {"leader", record.leader.name},
          {"epoch", record.epoch},
          {"lineage", record.lineage},
          {"in_sync", names_of(record.isr)},
          {"replicas", names_of(record.replicas)},
          {"joining", names_of(record.adding)},
          {"leaving", names_of(record.removing)},
          {"min_in_sync", record.min_in_sync},
          {"stalled", shard.is_stalled},
          {"well", trouble.empty()},
          {"trouble", trouble}};
}

http::Response alone() {
  return refusal(
      {ErrorKind::invalid_argument, "this node is alone: its configuration has no cluster.name"});
}

http::Response begun(const Result<void>& done) {
  if (!done) return refusal(done.error());
  return answer(json::object{{"begun", true}}, 202);
}

std::optional<std::uint16_t> shard_of(const json::object& body) {
  const json::value* value = body.if_contains("shard");
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  const std::int64_t number = value->get_int64();
  if (number < 0 || number > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

}  // namespace

std::string two_nodes_note(const ClusterStatus& status) {
  const auto staying = std::count_if(status.nodes.begin(), status.nodes.end(),
                                     [](const auto& node) { return !node.is_leaving; });
  if (staying != 2) return {};
  return "two nodes protect data, not availability: QoS 1 and 2 stop while one is away";
}

json::value cluster_json(const ClusterStatus& status) {
  json::array nodes, shards, alarms;
  for (const auto& node : status.nodes) nodes.push_back(json_of(node));
  for (const auto& shard : status.shards) shards.push_back(json_of(shard));
  for (const auto& alarm : status.alarms) alarms.push_back(json::value(alarm));
  return json::object{{"cluster", status.cluster},
                      {"self", status.self},
                      {"controller", status.controller},
                      {"joined", status.is_joined},
                      {"coordinator_reached", status.coordinator_reached},
                      {"feature_level", status.feature_level},
                      {"nodes", std::move(nodes)},
                      {"shards", std::move(shards)},
                      {"alarms", std::move(alarms)},
                      {"note", two_nodes_note(status)}};
}

std::vector<http::Route> ClusterApi::routes() {
  using Verb = http::Response (ClusterApi::*)(const http::Request&);
  const auto verb = [this](Verb run) {
    return [this, run](const http::Request& request) {
      return cluster_ == nullptr ? alone() : (this->*run)(request);
    };
  };
  return {
      {"GET", "/api/v1/cluster",
       [this](const http::Request&) { return cluster_ == nullptr ? alone() : status(); }},
      {"POST", "/api/v1/cluster/remove", verb(&ClusterApi::remove)},
      {"POST", "/api/v1/cluster/move-leaders", verb(&ClusterApi::move_leaders)},
      {"POST", "/api/v1/cluster/force-leader", verb(&ClusterApi::force_leader)},
  };
}

http::Response ClusterApi::status() { return answer(cluster_json(cluster_->status())); }

http::Response ClusterApi::remove(const http::Request& request) {
  const auto body = object_of(request);
  const std::string node = body ? text_of(*body, "node") : "";
  const json::value* undo = body ? body->if_contains("undo") : nullptr;
  if (node.empty() || (undo != nullptr && !undo->is_bool())) {
    return refusal({ErrorKind::invalid_argument,
                    "the body must be {\"node\": \"its name\", \"undo\": false}"});
  }
  return begun(cluster_->remove_node(node, undo != nullptr && undo->get_bool()));
}

http::Response ClusterApi::move_leaders(const http::Request& request) {
  const auto body = object_of(request);
  const std::string node = body ? text_of(*body, "node") : "";
  if (node.empty()) {
    return refusal({ErrorKind::invalid_argument, "the body must be {\"node\": \"its name\"}"});
  }
  return begun(cluster_->move_leaders(node));
}

http::Response ClusterApi::force_leader(const http::Request& request) {
  const auto body = object_of(request);
  const std::string node = body ? text_of(*body, "node") : "";
  const auto shard = body ? shard_of(*body) : std::nullopt;
  if (node.empty() || !shard) {
    return refusal(
        {ErrorKind::invalid_argument, "the body must be {\"shard\": 3, \"node\": \"its name\"}"});
  }
  return begun(cluster_->force_leader(ShardId{*shard}, node));
}

}  // namespace roost::server
