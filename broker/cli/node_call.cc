// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/node_call.h"

#include <boost/json/parse.hpp>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "broker/admin/place.h"
#include "broker/http/client.h"
#include "broker/server/config.h"

namespace roost::cli {

namespace {

namespace json = boost::json;

std::string no_node_text(const std::string& data_dir) {
  std::error_code failed;
  const bool exists = std::filesystem::is_directory(data_dir, failed);
  const std::string where = std::filesystem::absolute(data_dir, failed).lexically_normal().string();
  return "no node answers in " + where + (exists ? "" : ", which isn't there") +
         "; is it running (`roost serve`), and is that its data directory? Name it with "
         "--data-dir, or its config file with --config";
}

int code_of(ErrorKind kind) {
  if (kind == ErrorKind::unavailable) return kExitNoNode;
  return kind == ErrorKind::permission_denied ? kExitDataDirectory : kExitFailed;
}

}  // namespace

void add_place(Arguments& arguments, PlaceOptions& place) {
  arguments.option("--data-dir", place.data_dir, "The data directory");
  arguments.option("-c,--config", place.config_file, "The node's config file, which names it");
}

std::optional<std::string> find_data_dir(const std::string& command, const PlaceOptions& place) {
  if (place.data_dir) return place.data_dir;
  const server::ConfigOutcome loaded =
      server::load_config({place.config_file, server::process_environment(), {}});
  if (loaded.errors.empty()) return loaded.config.data_dir;
  for (const std::string& line : loaded.errors) std::fprintf(stderr, "%s\n", line.c_str());
  std::fprintf(stderr, "%s: name the data directory with --data-dir instead\n", command.c_str());
  return std::nullopt;
}

NodeAnswer ask_node(const std::string& command, const std::string& data_dir,
                    const std::string& method, const std::string& target, const std::string& body) {
  const auto answer = http::ask_unix(admin::socket_path(data_dir), method, target, body);
  if (!answer) {
    const bool is_away = answer.error().kind == ErrorKind::unavailable;
    const std::string why = is_away ? no_node_text(data_dir) : answer.error().message;
    return {std::nullopt, complain(command, why, code_of(answer.error().kind))};
  }
  boost::system::error_code fault;
  json::value parsed = json::parse(answer->body, fault);
  json::object* object = fault ? nullptr : parsed.if_object();
  if (object == nullptr) {
    return {std::nullopt, complain(command, "the node's answer is no JSON", kExitFailed)};
  }
  if (answer->status < 300) return {std::move(*object), 0};
  const json::value* why = object->if_contains("error");
  const std::string text = why != nullptr && why->is_string()
                               ? std::string(why->get_string())
                               : "the node answered " + std::to_string(answer->status);
  return {std::nullopt, complain(command, text, kExitFailed)};
}

int complain(const std::string& command, const std::string& why, int code) {
  std::fprintf(stderr, "%s: %s\n", command.c_str(), why.c_str());
  return code;
}

}  // namespace roost::cli
