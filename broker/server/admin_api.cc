// SPDX-License-Identifier: Apache-2.0
#include "broker/server/admin_api.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <utility>

#include "broker/admin/place.h"
#include "broker/server/node.h"
#include "broker/server/status.h"
#include "broker/server/time_text.h"

namespace roost::server {

namespace {

namespace json = boost::json;

constexpr std::uint32_t kBodyMax = 64 * 1024;

http::Response answer(const json::value& value, unsigned status = 200) {
  return {status, json::serialize(value) + "\n", "application/json"};
}

http::Response refusal(const Error& why) {
  const auto status_of = [](ErrorKind kind) -> unsigned {
    switch (kind) {
      case ErrorKind::invalid_argument:
        return 400;
      case ErrorKind::permission_denied:
        return 403;
      case ErrorKind::not_found:
        return 404;
      case ErrorKind::already_exists:
        return 409;
      case ErrorKind::unavailable:
        return 503;
      case ErrorKind::resource_exhausted:
        return 507;
      default:
        return 500;
    }
  };
  return http::error_response(status_of(why.kind), why.message, true);
}

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

}  // namespace

AdminApi::AdminApi(Node& node)
    : node_(node), backup_(node.config, node.clock, node.store->store(), node.log) {
  http::Settings settings;
  settings.unix_path = admin::socket_path(node.config.data_dir);
  settings.json_errors = true;
  settings.max_connections = 16;
  settings.body_bytes_max = kBodyMax;
  auto opened = http::Server::open(settings, routes());
  if (opened) {
    http_ = std::move(*opened);
  } else {
    node.log.write(LogLevel::error,
                   "no admin API (roost status, roost backup): " + opened.error().message);
  }
}

AdminApi::~AdminApi() { stop(); }

// The verbs. One more is one more row.
std::vector<http::Route> AdminApi::routes() {
  return {
      {"GET", "/api/v1/status",
       [this](const http::Request&) { return answer(status_json(node_)); }},
      {"GET", "/api/v1/backup",
       [this](const http::Request&) { return answer(json_of(backup_.state())); }},
      {"POST", "/api/v1/backup",
       [this](const http::Request& request) { return begin_backup(request); }},
  };
}

// {"directory": "/absolute/path"} -> 202 and the state, which GET shows from then on.
http::Response AdminApi::begin_backup(const http::Request& request) {
  boost::system::error_code fault;
  const json::value body = json::parse(request.body, fault);
  const json::object* object = fault ? nullptr : body.if_object();
  const json::value* directory = object == nullptr ? nullptr : object->if_contains("directory");
  if (directory == nullptr || !directory->is_string() || directory->get_string().empty()) {
    return refusal(
        {ErrorKind::invalid_argument, "the body must be {\"directory\": \"/the/new/folder\"}"});
  }
  const auto begun = backup_.begin(std::string(directory->get_string()));
  if (!begun) return refusal(begun.error());
  return answer(json_of(backup_.state()), 202);
}

void AdminApi::start() {
  if (http_ != nullptr) http_->start();
}

void AdminApi::stop() {
  backup_.stop();
  if (http_ != nullptr) http_->stop();
}

}  // namespace roost::server
