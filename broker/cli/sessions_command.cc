// SPDX-License-Identifier: Apache-2.0
// roost clients, sessions, session, kick, top: who is there, and how each is doing; of the whole
// cluster, asked of the node here.
#include <boost/json/array.hpp>

#include <array>
#include <cstdio>
#include <string>

#include "broker/cli/cli.h"
#include "broker/cli/fleet_call.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/table.h"

namespace roost::cli {
namespace {

namespace json = boost::json;

std::string age(std::uint64_t seconds) {
  return admin::duration_words(static_cast<std::int64_t>(seconds));
}

std::string state_of(const json::object& session) {
  if (!flag_field(session, "connected"))
    return "offline " + age(number_field(session, "offline_s"));
  return "online " + age(number_field(session, "connected_s"));
}

void print_sessions(const json::object& answer) {
  std::vector<TableRow> rows = {
      {"CLIENT", "STATE", "NODE", "USER", "ADDRESS", "QUEUED", "IN FLIGHT", "DROPPED", "FILTERS"}};
  for (const json::value& one : list_field(answer, "sessions")) {
    if (!one.is_object()) continue;
    const json::object& session = one.get_object();
    rows.push_back({cell(text_field(session, "client_id")), state_of(session),
                    cell(text_field(session, "node")), cell(text_field(session, "user")),
                    cell(text_field(session, "address")), cell(number_field(session, "queued")),
                    cell(number_field(session, "in_flight")),
                    cell(number_field(session, "dropped")),
                    cell(number_field(session, "subscriptions"))});
  }
  std::string out;
  put_table(out, rows);
  std::printf("%s%llu of %llu", out.c_str(), static_cast<unsigned long long>(rows.size() - 1),
              static_cast<unsigned long long>(number_field(answer, "matched")));
  const std::string next = text_field(answer, "next");
  if (next.empty()) {
    std::printf("\n");
  } else {
    std::printf("; more with --cursor '%s'\n", admin::printable(next).c_str());
  }
}

int run_list(int argc, char** argv, const char* name, bool connected_only) {
  FleetOptions options;
  bool online = false, offline = false, ascending = false;
  std::string client, user, listener, address, sort, cursor, limit;
  Arguments arguments(name, connected_only ? "Lists the clients that are connected."
                                           : "Lists sessions, of clients that sleep as well.");
  arguments.positional("CLIENT", client, false, "A client id; '*' stands for anything");
  if (!connected_only) {
    arguments.flag("--online", online, "Of clients that are connected");
    arguments.flag("--offline", offline, "Of clients that aren't");
  }
  arguments.option("--user", user, "Connected as that user");
  arguments.option("--listener", listener, "Through that listener");
  arguments.option("--address", address, "From that address");
  arguments.choice("--sort", sort,
                   {"client_id", "queued", "queued_bytes", "in_flight", "oldest_unacked", "dropped",
                    "subscriptions", "connected", "silent", "offline"},
                   "The largest first");
  arguments.flag("--ascending", ascending, "The smallest first");
  arguments.option("--limit", limit, "How many: 1 to 1000, else 100");
  arguments.option("--cursor", cursor, "Where the page before ended");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const std::string connected = online == offline ? "" : online ? "true" : "false";
  const std::string target = std::string(connected_only ? "/api/v1/clients" : "/api/v1/sessions") +
                             query_text({{"client", client},
                                         {"connected", connected},
                                         {"user", user},
                                         {"listener", listener},
                                         {"address", address},
                                         {"sort", sort},
                                         {"order", ascending ? "asc" : ""},
                                         {"limit", limit},
                                         {"cursor", cursor}});
  const NodeAnswer answer = ask_fleet(name, options, "GET", target);
  if (answer.body) print_sessions(*answer.body);
  return answer.exit_code;
}

void print_line(const char* name, const std::string& value) {
  std::printf("%-16s %s\n", name, value.c_str());
}

void print_session(const json::object& session) {
  print_line("client", cell(text_field(session, "client_id")));
  print_line("state", state_of(session));
  print_line("node", cell(text_field(session, "node")));
  print_line("session", flag_field(session, "durable") ? "outlives its connection"
                                                       : "ends with its connection");
  if (flag_field(session, "connected")) {
    print_line("user", cell(text_field(session, "user")));
    print_line("from", cell(text_field(session, "address")) + " by " +
                           cell(text_field(session, "listener")) + ", MQTT " +
                           text_field(session, "protocol"));
    print_line("last packet", age(number_field(session, "silent_s")) + " ago, keep alive " +
                                  cell(number_field(session, "keep_alive_s")) + " s");
    print_line("in flight", cell(number_field(session, "in_flight")) + " of " +
                                cell(number_field(session, "receive_maximum")));
  }
  print_line("queue", cell(number_field(session, "queued")) + " messages, " +
                          cell(number_field(session, "queued_bytes")) + " bytes");
  const std::uint64_t dropped = number_field(session, "dropped");
  print_line("dropped",
             dropped == 0
                 ? "0"
                 : cell(dropped) + ", the last one: " + cell(text_field(session, "last_drop")));
  std::vector<TableRow> rows = {{"FILTER", "QOS"}};
  for (const json::value& one : list_field(session, "filters")) {
    if (!one.is_object()) continue;
    rows.push_back({cell(text_field(one.get_object(), "filter")),
                    cell(number_field(one.get_object(), "qos"))});
  }
  std::string out;
  if (rows.size() > 1) put_table(out, rows);
  std::printf("%s", out.c_str());
}

void print_nodes(const json::object& answer) {
  std::vector<TableRow> rows = {{"NODE", "VERSION", "UP", "READY", "CONNECTIONS", "SESSIONS",
                                 "SUBSCRIPTIONS", "QUEUED", "RETAINED"}};
  for (const json::value& one : list_field(answer, "nodes")) {
    if (!one.is_object() || !one.get_object().contains("status")) continue;
    const json::object& status = one.at("status").as_object();
    const json::object& sessions = status.at("sessions").as_object();
    rows.push_back(
        {cell(text_field(one.get_object(), "node")), cell(text_field(status, "version")),
         age(number_field(status, "uptime_s")), flag_field(status, "ready") ? "yes" : "NO",
         cell(number_field(status, "connections")),
         cell(number_field(sessions, "durable") + number_field(sessions, "clean_connected")),
         cell(number_field(status, "subscriptions")), cell(number_field(status, "queued_messages")),
         cell(number_field(status, "retained_messages"))});
  }
  std::string out;
  put_table(out, rows);
  std::printf("%s", out.c_str());
}

void print_flapping(const json::object& answer) {
  std::vector<TableRow> rows = {{"CLIENT", "NODE", "LOSSES", "HELD OFF"}};
  for (const json::value& one : list_field(answer, "clients")) {
    if (!one.is_object()) continue;
    const json::object& flap = one.get_object();
    const std::uint64_t held_ms = number_field(flap, "held_off_ms");
    rows.push_back({cell(text_field(flap, "client_id")), cell(text_field(flap, "node")),
                    cell(number_field(flap, "losses")),
                    held_ms == 0 ? "-" : "for " + age((held_ms + 999) / 1000)});
  }
  std::string out;
  put_table(out, rows);
  std::printf("%s", out.c_str());
}

}  // namespace

int run_clients(int argc, char** argv) { return run_list(argc, argv, "roost clients", true); }

int run_sessions(int argc, char** argv) { return run_list(argc, argv, "roost sessions", false); }

int run_session(int argc, char** argv) {
  FleetOptions options;
  std::string id;
  bool removes = false;
  Arguments arguments("roost session", "Shows one session in full, wherever it is.");
  arguments.positional("CLIENT", id, true, "Its client id");
  arguments.flag("--remove", removes, "Ends it for good: its filters and its queue go");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const NodeAnswer answer = ask_fleet("roost session", options, removes ? "DELETE" : "GET",
                                      "/api/v1/sessions/" + percent_encode(id));
  if (!answer.body) return answer.exit_code;
  if (removes) {
    std::printf("The session of %s is gone.\n", admin::printable(id).c_str());
  } else {
    print_session(*answer.body);
  }
  return 0;
}

int run_kick(int argc, char** argv) {
  FleetOptions options;
  std::string id;
  Arguments arguments("roost kick",
                      "Ends a client's connection (v5: 0x98); it may come back at once, see "
                      "`roost ban`.");
  arguments.positional("CLIENT", id, true, "Its client id");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const NodeAnswer answer =
      ask_fleet("roost kick", options, "POST", "/api/v1/sessions/" + percent_encode(id) + "/kick");
  if (answer.body) std::printf("%s is sent off.\n", admin::printable(id).c_str());
  return answer.exit_code;
}

int run_nodes(int argc, char** argv) {
  FleetOptions options;
  Arguments arguments("roost nodes", "All nodes of the cluster, a line each.");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const NodeAnswer answer = ask_fleet("roost nodes", options, "GET", "/api/v1/nodes");
  if (answer.body) print_nodes(*answer.body);
  return answer.exit_code;
}

int run_top(int argc, char** argv) {
  FleetOptions options;
  std::string by = "queue", limit = "10";
  Arguments arguments("roost top", "The sessions that stand out.");
  arguments.positional("BY", by, false,
                       "queue (most messages), bytes, offline (longest), silent, drops, ack "
                       "(oldest message without an acknowledgement), inflight, filters, flapping");
  arguments.option("--limit", limit, "How many: 1 to 1000, else 10");
  add_fleet(arguments, options);
  arguments.footer(kFleetFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const NodeAnswer answer = ask_fleet("roost top", options, "GET",
                                      "/api/v1/top" + query_text({{"by", by}, {"limit", limit}}));
  if (answer.body) by == "flapping" ? print_flapping(*answer.body) : print_sessions(*answer.body);
  return answer.exit_code;
}

}  // namespace roost::cli
