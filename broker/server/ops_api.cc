// SPDX-License-Identifier: Apache-2.0
#include "broker/server/ops_api.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "broker/http/query.h"
#include "broker/server/api_answer.h"
#include "broker/server/cluster_api.h"
#include "broker/server/core_call.h"
#include "broker/server/session_api.h"
#include "broker/server/spdlog_log.h"
#include "broker/server/status.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;

struct TopName {
  std::string_view by, query;
};
constexpr std::array<TopName, 8> kTops = {{
    {"queue", "sort=queued"},
    {"bytes", "sort=queued_bytes"},
    {"offline", "sort=offline&connected=false"},
    {"silent", "sort=silent&connected=true"},
    {"drops", "sort=dropped"},
    {"ack", "sort=oldest_unacked&connected=true"},
    {"inflight", "sort=in_flight&connected=true"},
    {"filters", "sort=subscriptions"},
}};

constexpr std::array<std::pair<std::string_view, LogLevel>, 5> kLevels = {{
    {"trace", LogLevel::trace},
    {"debug", LogLevel::debug},
    {"info", LogLevel::info},
    {"warn", LogLevel::warn},
    {"error", LogLevel::error},
}};

std::string_view name_of(LogLevel level) { return kLevels[static_cast<std::size_t>(level)].first; }

struct Flap {
  std::string client_id;
  std::uint32_t losses = 0;
  SteadyMs held_ms = 0;
};

http::Response bad(const std::string& what) { return refusal({ErrorKind::invalid_argument, what}); }

}  // namespace

OpsApi::OpsApi(Node& node, Fleet& fleet, SessionApi& sessions, cluster::Cluster* cluster)
    : node_(node), fleet_(fleet), sessions_(sessions), cluster_(cluster) {
  fleet.add("node", [this](const Fleet::Object&) -> Told { return status_json(node_); });
  fleet.add("listeners", [this](const Fleet::Object&) { return listeners_here(); });
  fleet.add("flapping", [this](const Fleet::Object&) { return flapping_here(); });
}

std::vector<http::Route> OpsApi::routes() {
  return {{"GET", "/api/v1/nodes",
           [this](const http::Request&) { return of_all_nodes("node", "status"); }},
          {"GET", "/api/v1/listeners",
           [this](const http::Request&) { return of_all_nodes("listeners", "listeners"); }},
          {"GET", "/api/v1/bridges",
           [this](const http::Request&) { return of_all_nodes("bridges", "bridges"); }},
          {"GET", "/api/v1/webhooks",
           [this](const http::Request&) { return of_all_nodes("webhooks", "webhooks"); }},
          {"GET", "/api/v1/shards", [this](const http::Request&) { return shards(); }},
          {"GET", "/api/v1/top", [this](const http::Request& request) { return top(request); }},
          {"GET", "/api/v1/log-level",
           [this](const http::Request& request) { return log_level(request); }},
          {"PUT", "/api/v1/log-level",
           [this](const http::Request& request) { return log_level(request); }}};
}

http::Response OpsApi::of_all_nodes(const char* verb, const char* name) {
  const auto said = fleet_.ask_all(verb, {});
  json::array nodes;
  for (const Fleet::Said& one : said) {
    if (one.told) nodes.push_back(json::object{{"node", one.node}, {name, *one.told}});
  }
  json::object result = {{"nodes", std::move(nodes)}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

Told OpsApi::listeners_here() {
  json::array all;
  for (std::size_t i = 0; i < node_.listeners.size(); ++i) {
    const net::ListenerSettings& settings = node_.listeners[i]->settings();
    all.push_back(
        json::object{{"name", node_.gate_listeners[i]->name},
                     {"address", node_.listeners[i]->describe()},
                     {"port", node_.listeners[i]->port()},
                     {"tls", settings.tls != nullptr},
                     {"websocket_path", settings.websocket ? json::value(settings.websocket_path)
                                                           : json::value(nullptr)}});
  }
  return json::value(std::move(all));
}

http::Response OpsApi::shards() {
  if (cluster_ != nullptr) {
    const json::value status = cluster_json(cluster_->status());
    return answer(json::object{{"shards", status.at("shards")}});
  }
  json::array all;
  for (std::uint16_t id = 0; id < node_.config.shards; ++id) {
    all.push_back(
        json::object{{"id", id},
                     {"leader", fleet_.self()},
                     {"core", node_.cores.of(ShardId{id}).id().value},
                     {"well", node_.ready.load()},
                     {"trouble", node_.ready ? "" : "this node is starting or stopping"}});
  }
  return answer(json::object{{"shards", std::move(all)}});
}

Told OpsApi::flapping_here() {
  using Flaps = std::vector<Flap>;
  auto parts =
      from_cores<Flaps>(node_, [](NodeCore& core, const std::function<void(Result<Flaps>)>& done) {
        Flaps flaps;
        core.gates.losses().for_each(
            core.sessions.core().now_ms(),
            [&](const std::string& id, std::uint32_t losses, SteadyMs held_ms) {
              flaps.push_back({id, losses, held_ms});
            });
        const auto more = [](const Flap& a, const Flap& b) { return a.losses > b.losses; };
        std::sort(flaps.begin(), flaps.end(), more);
        if (flaps.size() > kFlappingMax) flaps.resize(kFlappingMax);
        done(std::move(flaps));
      });
  if (!parts) return Unexpected(parts.error());
  json::array all;
  for (const Flaps& part : *parts) {
    for (const Flap& one : part) {
      all.push_back(json::object{
          {"client_id", one.client_id}, {"losses", one.losses}, {"held_off_ms", one.held_ms}});
    }
  }
  return json::value(std::move(all));
}

http::Response OpsApi::flapping(std::uint64_t limit) {
  const auto said = fleet_.ask_all("flapping", {});
  std::vector<json::object> rows;
  for (const Fleet::Said& one : said) {
    if (!one.told) continue;
    for (const json::value& row : one.told->as_array()) {
      rows.push_back(row.as_object());
      rows.back()["node"] = one.node;
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.at("losses").template to_number<std::int64_t>() >
           b.at("losses").template to_number<std::int64_t>();
  });
  if (rows.size() > limit) rows.resize(limit);
  json::object result = {{"clients", json::array(rows.begin(), rows.end())}};
  if (auto silent = missing(said); !silent.empty()) result["missing"] = std::move(silent);
  return answer(result);
}

// ?by=queue&limit=10
http::Response OpsApi::top(const http::Request& request) {
  const auto query = http::Query::parse(request.query);
  if (!query) return refusal(query.error());
  if (auto known = query->expect_only({"by", "limit"}); !known) return refusal(known.error());
  const auto limit = query->number("limit", 10, 1, session::SessionQuery::kLimitMax);
  if (!limit) return refusal(limit.error());
  const std::string* const by = query->find("by");
  const std::string name = by == nullptr ? "queue" : *by;
  if (name == "flapping") return flapping(*limit);
  std::string allowed;
  for (const TopName& one : kTops) {
    if (one.by == name) {
      http::Request asked = request;
      asked.query = std::string(one.query) + "&limit=" + std::to_string(*limit);
      return sessions_.list_all(asked, false);
    }
    allowed += std::string(one.by) + ", ";
  }
  return bad("by is \"" + name + "\"; allowed are " + allowed + "flapping");
}

// This node's, until it restarts: {"level": "debug"}.
http::Response OpsApi::log_level(const http::Request& request) {
  auto* const log = dynamic_cast<SpdlogLog*>(&node_.log);
  if (log == nullptr) return refusal({ErrorKind::unavailable, "this log has no level"});
  if (request.method == "PUT") {
    const auto body = object_of(request);
    const std::string wanted = body ? text_of(*body, "level") : "";
    const auto found = std::find_if(kLevels.begin(), kLevels.end(),
                                    [&](const auto& one) { return one.first == wanted; });
    if (found == kLevels.end()) {
      return bad(R"(the body must be {"level": "trace, debug, info, warn or error"})");
    }
    log->set_level(found->second);
  }
  return answer(json::object{{"level", name_of(log->level())}});
}

}  // namespace roost::server
