// SPDX-License-Identifier: Apache-2.0
// roost bridges, roost webhooks: the ways out of all nodes, a line each, those that stand by last.
#include <algorithm>
#include <cstdio>

#include "broker/cli/arguments.h"
#include "broker/cli/cli.h"
#include "broker/cli/fleet_call.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/table.h"

namespace roost::cli {

namespace {

namespace json = boost::json;

std::uint64_t of_way(const json::object& bridge, const char* way, const char* what) {
  const auto* const found = bridge.if_contains(way);
  return found != nullptr && found->is_object() ? number_field(found->get_object(), what) : 0;
}

TableRow row_of_bridge(const std::string& node, const json::object& bridge) {
  return {cell(text_field(bridge, "name")),        cell(node),
          cell(text_field(bridge, "state")),       cell(text_field(bridge, "remote")),
          cell(of_way(bridge, "out", "messages")), cell(of_way(bridge, "in", "messages")),
          cell(number_field(bridge, "failures")),  cell(text_field(bridge, "last_error"))};
}

TableRow row_of_webhook(const std::string& node, const json::object& hook) {
  return {cell(text_field(hook, "name")),      cell(node),
          cell(text_field(hook, "state")),     cell(number_field(hook, "batches")),
          cell(number_field(hook, "events")),  cell(number_field(hook, "failures")),
          cell(text_field(hook, "last_error"))};
}

struct Kind {
  const char* command;
  const char* list;  // of each node's answer
  const char* what;
  TableRow head;
  TableRow (*row)(const std::string& node, const json::object& one);
};

void print(const json::object& answer, const Kind& kind) {
  std::vector<TableRow> rows;
  for (const json::value& one : list_field(answer, "nodes")) {
    if (!one.is_object()) continue;
    const std::string node = text_field(one.get_object(), "node");
    for (const json::value& way : list_field(one.get_object(), kind.list)) {
      if (way.is_object()) rows.push_back(kind.row(node, way.get_object()));
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const TableRow& a, const TableRow& b) {
    if (a[0] != b[0]) return a[0] < b[0];
    return a[2] != "standby" && b[2] == "standby";
  });
  rows.insert(rows.begin(), kind.head);
  std::string out;
  put_table(out, rows);
  std::printf("%s", out.c_str());
}

int run(int argc, char** argv, const Kind& kind) {
  FleetOptions options;
  Arguments arguments(kind.command, kind.what);
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const NodeAnswer answer =
      ask_fleet(kind.command, options, "GET", std::string("/api/v1/") + kind.list);
  if (answer.body) print(*answer.body, kind);
  return answer.exit_code;
}

}  // namespace

int run_bridges(int argc, char** argv) {
  return run(argc, argv,
             {"roost bridges",
              "bridges",
              "Bridges to other brokers, a line for each node; one runs it.",
              {"BRIDGE", "NODE", "STATE", "REMOTE", "OUT", "IN", "FAILURES", "LAST ERROR"},
              row_of_bridge});
}

int run_webhooks(int argc, char** argv) {
  return run(argc, argv,
             {"roost webhooks",
              "webhooks",
              "Webhooks, a line for each node; one runs it.",
              {"WEBHOOK", "NODE", "STATE", "BATCHES", "EVENTS", "FAILURES", "LAST ERROR"},
              row_of_webhook});
}

}  // namespace roost::cli
