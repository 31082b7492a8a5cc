// SPDX-License-Identifier: Apache-2.0
#include "broker/server/admin_api.h"

#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <utility>

#include "broker/admin/place.h"
#include "broker/server/api_answer.h"
#include "broker/server/node.h"
#include "broker/server/openapi.h"
#include "broker/server/status.h"
#include "broker/server/time_text.h"

namespace roost::server {

namespace {

namespace json = boost::json;

const char* phase_name(BackupState::Phase phase) {
  switch (phase) {
    case BackupState::Phase::none:
      return "none";
    case BackupState::Phase::running:
      return "running";
    case BackupState::Phase::done:
      return "done";
    default:
      return "failed";
  }
}

json::value json_of(const BackupState& state) {
  json::object object = {{"state", phase_name(state.phase)}};
  if (state.phase == BackupState::Phase::none) return object;
  object["number"] = state.number;
  object["directory"] = state.directory;
  object["began"] = time_text(state.began_ms);
  object["took_ms"] = state.took_ms;
  object["bytes"] = state.bytes;
  object["bytes_wanted"] = state.bytes_wanted;
  if (state.phase == BackupState::Phase::done) object["files"] = state.files;
  if (state.phase == BackupState::Phase::failed) object["error"] = state.error;
  return object;
}

http::Response stopping() { return refusal({ErrorKind::unavailable, "this node is stopping"}); }

}  // namespace

AdminApi::AdminApi(Node& node, cluster::Cluster* cluster)
    : node_(node),
      fleet_(node.config.node.name, cluster),
      sessions_(node, fleet_),
      retained_(node, fleet_),
      why_(node, fleet_),
      ops_(node, fleet_, sessions_, cluster),
      overview_(node, fleet_, cluster),
      traces_(node, fleet_),
      cluster_(cluster),
      explain_(node, fleet_),
      backup_(node.config, node.clock, node.store->store(), node.log),
      door_(node),
      publish_(door_, node.config.http, node.clock),
      events_(door_),
      replay_(node, fleet_, publish_.publisher()),
      ways_(node, door_, fleet_),
      bans_(bans()) {
  http::Settings settings;
  settings.unix_path = admin::socket_path(node.config.data_dir);
  settings.json_errors = true;
  settings.max_connections = 16;
  settings.max_streams = node.config.http.max_streams;
  settings.body_bytes_max = node.config.http.max_body;
  settings.workers = node.config.http.threads;
  auto opened = http::Server::open(settings, routes());
  if (opened) {
    http_ = std::move(*opened);
  } else {
    node.log.write(LogLevel::error,
                   "no admin API (roost status, roost backup): " + opened.error().message);
  }
}

AdminApi::~AdminApi() { stop(); }

std::vector<http::Route> AdminApi::routes() {
  std::vector<http::Route> all = verbs();
  for (http::Route& route : all) {
    route.is_slow = true;
    route.handler = [this, verb = std::move(route.handler)](const http::Request& request) {
      const std::lock_guard lock(one_at_a_time_);
      return verb(request);
    };
  }
  for (http::Route& route : queries()) all.push_back(std::move(route));
  for (http::Route& route : all) {
    if (route.later) {
      route.later = [this, ask = std::move(route.later)](http::Request request,
                                                         const http::Reply& reply) {
        is_over_ ? reply(stopping()) : ask(std::move(request), reply);
      };
    } else {
      route.handler = [this, ask = std::move(route.handler)](const http::Request& request) {
        return is_over_ ? stopping() : ask(request);
      };
    }
  }
  return all;
}

// The verbs that change or gather much, one at a time. One more is one more row.
std::vector<http::Route> AdminApi::verbs() {
  std::vector<http::Route> all = {
      {"GET", "/api/v1/status",
       [this](const http::Request&) { return answer(status_json(node_)); }},
      {"GET", "/api/v1/backup",
       [this](const http::Request&) { return answer(json_of(backup_.state())); }},
      {"POST", "/api/v1/backup",
       [this](const http::Request& request) { return begin_backup(request); }},
      {"POST", "/api/v1/drain", [this](const http::Request&) { return drain(); }},
  };
  for (http::Route& route : cluster_.routes()) all.push_back(std::move(route));
  return all;
}

namespace {

// This node's answer, or that of one that did what this one needn't; who couldn't is missing.
http::Response merged_bans(const std::vector<Fleet::Said>& all) {
  const auto status_of = [](const Fleet::Said& one) {
    return one.told->at("status").to_number<unsigned>();
  };
  const auto is_good = [&](const Fleet::Said& one) { return one.told && status_of(one) < 300; };
  const auto good = std::find_if(all.begin(), all.end(), is_good);
  const Fleet::Said& said = good == all.end() || is_good(all.front()) ? all.front() : *good;
  if (!said.told) return refusal(said.told.error());
  json::value body = json::parse(said.told->at("body").as_string());
  json::array silent = missing(all);
  for (const Fleet::Said& one : all) {
    // 404: it had no such ban.
    if (&one == &said || !one.told || status_of(one) < 300 || status_of(one) == 404) continue;
    const json::value why = json::parse(one.told->at("body").as_string());
    silent.push_back(json::object{{"node", one.node}, {"error", why.at("error")}});
  }
  if (!silent.empty() && body.is_object()) body.as_object()["missing"] = std::move(silent);
  return answer(body, status_of(said));
}

}  // namespace

// Who is banned is banned by all nodes that are there.
std::vector<http::Route> AdminApi::bans() {
  const auto end_banned = [&node = node_] {
    for (const auto& one : node.on_core) {
      one->sessions.core().post([&gates = one->gates] { gates.end_banned(); });
    }
  };
  std::vector<http::Route> routes = node_.bans.routes(end_banned);
  for (http::Route& route : routes) {
    if (route.method == "GET") continue;
    const std::string name = "POST " + route.path;
    fleet_.add(name, [this, here = std::move(route.handler)](const Fleet::Object& object) {
      const std::lock_guard lock(one_at_a_time_);
      http::Request request;
      request.body = text_of(object, "body");
      const http::Response said = here(request);
      return Fleet::Told(json::object{{"status", said.status}, {"body", said.body}});
    });
    route.handler = [this, name](const http::Request& request) {
      return merged_bans(fleet_.ask_all(name, {{"body", request.body}}));
    };
  }
  return routes;
}

// What may run beside each other and beside the verbs, and brings its own locks. Who waits for a
// core or a disk is slow.
std::vector<http::Route> AdminApi::queries() {
  std::vector<http::Route> all = {
      {"GET", "/api/v1/openapi.json", [](const http::Request&) { return openapi_answer(); }},
  };
  for (http::Route& route : publish_.routes()) all.push_back(std::move(route));
  for (http::Route& route : events_.routes()) all.push_back(std::move(route));
  const auto add_slow = [&all](std::vector<http::Route> routes) {
    for (http::Route& route : routes) {
      route.is_slow = true;
      all.push_back(std::move(route));
    }
  };
  add_slow(bans_);
  add_slow(sessions_.routes());
  add_slow(retained_.routes());
  add_slow(explain_.routes());
  add_slow(why_.routes());
  add_slow(ops_.routes());
  add_slow(overview_.routes());
  add_slow(traces_.routes());
  return all;
}

void AdminApi::add_metrics(observe::Metrics& metrics) const {
  backup_.add_metrics(metrics);
  publish_.add_metrics(metrics);
  events_.add_metrics(metrics);
  fleet_.add_metrics(metrics);
  traces_.add_metrics(metrics);
  ways_.add_metrics(metrics);
}

// What SIGTERM does, once: a second one would end the process at once. 202: begun; whoever waits
// sees the data directory's lock fall.
http::Response AdminApi::drain() {
  if (stop_ == nullptr) {
    return refusal({ErrorKind::unavailable, "this node can't be stopped from here"});
  }
  if (!std::exchange(is_draining_, true)) stop_();
  return answer(json::object{{"pid", ::getpid()}}, 202);
}

// {"directory": "/absolute/path"} -> 202 and the state, which GET shows from then on.
http::Response AdminApi::begin_backup(const http::Request& request) {
  const auto body = object_of(request);
  const std::string directory = body ? text_of(*body, "directory") : "";
  if (directory.empty()) {
    return refusal(
        {ErrorKind::invalid_argument, "the body must be {\"directory\": \"/the/new/folder\"}"});
  }
  const auto begun = backup_.begin(directory);
  if (!begun) return refusal(begun.error());
  return answer(json_of(backup_.state()), 202);
}

void AdminApi::start() {
  is_started_ = true;
  fleet_.start();
  door_.start();
  if (http_ != nullptr) http_->start();
  ways_.start();
}

void AdminApi::stop() {
  is_over_ = true;
  ways_.stop();
  {
    const std::lock_guard lock(one_at_a_time_);  // the one that runs ends first
  }
  const bool is_running = std::exchange(is_started_, false);
  if (is_running) {
    publish_.stop();
    events_.stop();
  }
  backup_.stop();
  fleet_.stop();
  if (http_ != nullptr) http_->stop();
  if (is_running) door_.stop();
}

}  // namespace roost::server
