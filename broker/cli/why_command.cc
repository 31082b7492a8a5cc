// SPDX-License-Identifier: Apache-2.0
// roost explain session and route: why a client has not got its messages; who would get one.
#include <boost/json/array.hpp>

#include <cstdio>
#include <string>

#include "broker/cli/cli.h"
#include "broker/cli/fleet_call.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/table.h"

namespace roost::cli {
namespace {

namespace json = boost::json;

constexpr const char* kExplain = "roost explain";

const std::string kSessionFooter =
    std::string(kPlaceHelp) +
    "\nExit codes: 0 nothing holds them up; 1 something does, or the node answers with an error;\n"
    "2 usage or config; 3 the data directory may not be used by this user; 5 no node answers "
    "there.";

int explain_session(const FleetOptions& options, const std::string& id, const std::string& topic) {
  const NodeAnswer answer =
      ask_fleet(kExplain, options, "GET",
                "/api/v1/explain/session/" + percent_encode(id) + query_text({{"topic", topic}}));
  if (!answer.body) return answer.exit_code;
  std::string words = "client " + cell(id);
  if (const auto* const session = answer.body->if_contains("session"); session != nullptr) {
    const json::object& found = session->as_object();
    words += flag_field(found, "connected") ? ", connected, on node " : ", offline, on node ";
    words += cell(text_field(found, "node"));
  }
  std::printf("%s\n", words.c_str());
  bool is_well = true;
  for (const json::value& one : list_field(*answer.body, "causes")) {
    if (!one.is_object()) continue;
    const std::string cause = text_field(one.get_object(), "cause");
    is_well = is_well && cause == "none";
    std::printf("- %s: %s\n", cell(cause).c_str(),
                cell(text_field(one.get_object(), "text")).c_str());
  }
  return is_well ? 0 : kExitFailed;
}

int explain_route(const FleetOptions& options, const std::string& topic) {
  const NodeAnswer answer =
      ask_fleet(kExplain, options, "GET", "/api/v1/explain/route" + query_text({{"topic", topic}}));
  if (!answer.body) return answer.exit_code;
  std::vector<TableRow> rows = {{"WHO", "NODE", "SHARD", "QOS", "STATE"}};
  for (const json::value& each : list_field(*answer.body, "nodes")) {
    if (!each.is_object()) continue;
    const json::object& node = each.get_object();
    for (const json::value& one : list_field(node, "receivers")) {
      const json::object& receiver = one.as_object();
      const bool is_durable = flag_field(receiver, "durable");
      rows.push_back({cell(text_field(receiver, "client_id")), cell(text_field(node, "node")),
                      is_durable ? cell(number_field(receiver, "shard")) : "-",
                      cell(number_field(receiver, "qos")),
                      flag_field(receiver, "connected") ? "connected" : "offline, queued"});
    }
    for (const json::value& one : list_field(node, "groups")) {
      const json::object& group = one.as_object();
      rows.push_back({"one of " + cell(number_field(group, "members")) + " in group " +
                          cell(text_field(group, "group")) + " (" +
                          cell(text_field(group, "filter")) + ")",
                      cell(text_field(node, "node")), cell(number_field(group, "shard")), "-",
                      flag_field(group, "connected") ? "connected" : "offline"});
    }
  }
  std::string out;
  if (rows.size() > 1) put_table(out, rows);
  std::printf("%s%llu sessions would get %s; retained in shard %llu\n", out.c_str(),
              static_cast<unsigned long long>(number_field(*answer.body, "receivers")),
              cell(topic).c_str(),
              static_cast<unsigned long long>(number_field(*answer.body, "retained_shard")));
  return 0;
}

}  // namespace

int run_explain_session(int argc, char** argv) {
  FleetOptions options;
  std::string id, topic;
  Arguments arguments("roost explain session",
                      "Says why a client has not got its messages, wherever it is.");
  arguments.positional("CLIENT", id, true, "Its client id");
  arguments.positional("TOPIC", topic, false, "Of the message that it misses");
  add_fleet(arguments, options);
  arguments.footer(kSessionFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  return explain_session(options, id, topic);
}

int run_explain_route(int argc, char** argv) {
  FleetOptions options;
  std::string topic;
  Arguments arguments("roost explain route",
                      "Says who would get a message published now, through which node and shard.");
  arguments.positional("TOPIC", topic, true, "A topic name");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  return explain_route(options, topic);
}

}  // namespace roost::cli
