// SPDX-License-Identifier: Apache-2.0
// roost status: what the node in a data directory says of itself.
#include <boost/json/serialize.hpp>

#include <cstdio>
#include <string>
#include <utility>

#include "broker/admin/words.h"
#include "broker/cli/cli.h"
#include "broker/cli/node_call.h"

namespace roost::cli {
namespace {

namespace json = boost::json;
using admin::bytes_words;
using admin::duration_words;

constexpr const char* kName = "roost status";

const std::string kFooter = std::string(kPlaceHelp) +
                            "\nExit codes: 0; 1 the node answers with an error; 2 usage or "
                            "config; 3 the data directory\nmay not be used by this user; 5 no "
                            "node answers there.";

// The number at "store.bytes"; 0 where a node of another version has none.
std::uint64_t number(const json::object& status, const char* group, const char* name) {
  const json::value* found = group == nullptr ? nullptr : status.if_contains(group);
  if (group != nullptr && (found == nullptr || !found->is_object())) return 0;
  const json::object& object = group == nullptr ? status : found->get_object();
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
  return value->is_uint64()
             ? value->get_uint64()
             : static_cast<std::uint64_t>(value->is_int64() ? value->get_int64() : 0);
}

std::string text(const json::object& status, const char* name) {
  const json::value* value = status.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

bool flag(const json::object& status, const char* group, const char* name) {
  const json::value* value = status.if_contains(group == nullptr ? name : group);
  if (group != nullptr && value != nullptr && value->is_object()) {
    value = value->get_object().if_contains(name);
  }
  return value != nullptr && value->is_bool() && value->get_bool();
}

void line(const char* name, const std::string& value) {
  std::printf("%-14s %s\n", name, value.c_str());
}

std::string checkpoint_words(const json::object& status) {
  const json::value* group = status.if_contains("checkpoint");
  const bool any = group != nullptr && group->is_object() && group->get_object().contains("last") &&
                   !group->get_object().at("last").is_null();
  std::string words =
      any ? duration_words(static_cast<std::int64_t>(number(status, "checkpoint", "age_s"))) +
                " ago"
          : "none yet";
  const std::uint64_t failed = number(status, "checkpoint", "failed");
  return failed == 0 ? words : words + "; " + std::to_string(failed) + " FAILED";
}

std::string damage_words(const json::object& status) {
  const std::uint64_t files = number(status, "damage", "files_put_aside");
  const std::uint64_t records = number(status, "damage", "records");
  const std::uint64_t reads = number(status, "damage", "reads");
  if (files + records + reads == 0) return "none met";
  return std::to_string(files) + " FILES PUT ASIDE under damaged/, " + std::to_string(records) +
         " records missing, " + std::to_string(reads) + " reads met a damaged page; see the log";
}

void print(const json::object& status) {
  const auto count = [&](const char* group, const char* name) {
    return std::to_string(number(status, group, name));
  };
  line("version", text(status, "version") + ", pid " + count(nullptr, "pid"));
  line("state", std::string(flag(status, nullptr, "ready") ? "serving" : "starting or stopping") +
                    ", up " +
                    duration_words(static_cast<std::int64_t>(number(status, nullptr, "uptime_s"))) +
                    ", " + count(nullptr, "cores") + " cores");
  line("data", text(status, "data_dir"));
  if (const json::value* listeners = status.if_contains("listeners");
      listeners != nullptr && listeners->is_array()) {
    const char* name = "listeners";
    for (const json::value& one : listeners->get_array()) {
      if (one.is_string()) line(std::exchange(name, ""), std::string(one.get_string()));
    }
  }
  line("connections", count(nullptr, "connections"));
  line("sessions", count("sessions", "durable") + " durable (" +
                       count("sessions", "durable_connected") + " connected, " +
                       count("sessions", "durable_offline") + " offline), " +
                       count("sessions", "clean_connected") + " that end with their connection");
  line("subscriptions", count(nullptr, "subscriptions"));
  line("retained", count(nullptr, "retained_messages"));
  line("queued", count(nullptr, "queued_messages") + " messages, " +
                     bytes_words(number(status, nullptr, "queued_bytes")));
  line("disk", bytes_words(number(status, "store", "bytes")) + " used here, " +
                   bytes_words(number(status, "store", "disk_free_bytes")) + " free");
  line("new messages", flag(status, "store", "refuses_new_messages")
                           ? "REFUSED where they must be stored: the disk is full"
                           : "taken");
  line("checkpoint", checkpoint_words(status));
  line("start", count("start", "replayed_records") + " log records replayed, " +
                    count("start", "unreadable_records") + " unreadable");
  line("damage", damage_words(status));
}

}  // namespace

int run_status(int argc, char** argv) {
  PlaceOptions place;
  bool as_json = false;
  Arguments arguments(kName, "Shows what a running node is doing.");
  add_place(arguments, place);
  arguments.flag("--json", as_json, "Print the node's answer as it is");
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto data_dir = find_data_dir(kName, place);
  if (!data_dir) return kExitUsage;
  const NodeAnswer answer = ask_node(kName, *data_dir, "GET", "/api/v1/status");
  if (!answer.body) return answer.exit_code;
  if (as_json) {
    std::printf("%s\n", json::serialize(*answer.body).c_str());
  } else {
    print(*answer.body);
  }
  return 0;
}

}  // namespace roost::cli
