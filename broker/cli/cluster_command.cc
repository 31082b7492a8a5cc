// SPDX-License-Identifier: Apache-2.0
// roost cluster: how the cluster stands, and what only people decide.
#include <unistd.h>

#include <boost/json/serialize.hpp>

#include <cstdio>
#include <functional>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/cli/cli.h"
#include "broker/cli/cluster_table.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/node_call.h"
#include "broker/server/settings_value.h"

namespace roost::cli {
namespace {

namespace json = boost::json;

const std::string kFooter =
    std::string(kPlaceHelp) +
    "\nExit codes: 0; 1 refused, with the reason; 2 usage or config; 3 the data directory may not "
    "be\nused by this user; 5 no node answers there.";

NodeAnswer ask_status(const std::string& name, const std::string& data_dir) {
  return ask_node(name, data_dir, "GET", "/api/v1/cluster");
}

int run_cluster_status(int argc, char** argv) {
  const std::string name = "roost cluster status";
  PlaceOptions place;
  bool as_json = false;
  std::optional<std::string> key;
  Arguments arguments(name, "Shows the nodes of the cluster, and the shards that aren't well.");
  add_place(arguments, place);
  arguments.flag("--json", as_json, "Print the node's answer as it is, all shards too");
  arguments.option("--shard-of", key, "Only the shard and leader of this client id or topic");
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto data_dir = find_data_dir(name, place);
  if (!data_dir) return kExitUsage;
  const NodeAnswer answer = ask_status(name, *data_dir);
  if (!answer.body) return answer.exit_code;
  if (!key) {
    const std::string shown =
        as_json ? json::serialize(*answer.body) + "\n" : cluster_table(*answer.body);
    std::fputs(shown.c_str(), stdout);
    return 0;
  }
  const json::value found = shard_of_json(*answer.body, *key);
  if (found.is_null()) return complain(name, "the cluster has no shards yet", kExitFailed);
  if (as_json) {
    std::printf("%s\n", json::serialize(found).c_str());
  } else {
    const std::string leader = text_field(found.get_object(), "leader");
    std::printf("shard %lu, led by %s\n", number_field(found.get_object(), "shard"),
                leader.empty() ? "nobody" : leader.c_str());
  }
  return 0;
}

// Asks for it; Ok means begun.
int begin(const std::string& name, const std::string& data_dir, const std::string& verb,
          const json::object& body, const std::string& said) {
  const NodeAnswer answer =
      ask_node(name, data_dir, "POST", "/api/v1/cluster/" + verb, json::serialize(body));
  if (!answer.body) return answer.exit_code;
  std::printf("%s `roost cluster status` shows how far it is.\n", said.c_str());
  return 0;
}

int run_cluster_remove(int argc, char** argv) {
  const std::string name = "roost cluster remove";
  PlaceOptions place;
  std::string node;
  bool undo = false;
  Arguments arguments(name,
                      "Empties a node for good: its shards go to others, one after another. "
                      "Stop it when it holds none. A restart needs no remove.");
  arguments.positional("NODE", node, true, "Its name");
  arguments.flag("--undo", undo, "It stays after all");
  add_place(arguments, place);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto data_dir = find_data_dir(name, place);
  if (!data_dir) return kExitUsage;
  return begin(name, *data_dir, "remove", {{"node", node}, {"undo", undo}},
               undo ? node + " stays." : node + " is being emptied.");
}

int run_move_leaders(int argc, char** argv) {
  const std::string name = "roost cluster move-leaders";
  PlaceOptions place;
  std::string node;
  Arguments arguments(name, "Gives the shards that a node leads to others that are in sync.");
  arguments.positional("NODE", node, true, "Its name");
  add_place(arguments, place);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto data_dir = find_data_dir(name, place);
  if (!data_dir) return kExitUsage;
  return begin(name, *data_dir, "move-leaders", {{"node", node}},
               "Leadership moves away from " + node + ".");
}

// Nothing: go on. Else the code to end with.
std::optional<int> ask_person(const std::string& name, const std::string& question) {
  if (::isatty(STDIN_FILENO) == 0) {
    return complain(name, "nobody to ask: this is no terminal; --yes goes on without", kExitUsage);
  }
  std::printf("%s Type yes: ", question.c_str());
  std::fflush(stdout);
  std::string line;
  if (std::getline(std::cin, line) && line == "yes") return std::nullopt;
  return complain(name, "nothing was changed", kExitFailed);
}

int run_force_leader(int argc, char** argv) {
  const std::string name = "roost cluster force-leader";
  PlaceOptions place;
  std::string number, node;
  bool yes = false;
  Arguments arguments(name,
                      "Makes a replica that is not known to hold everything the leader of a shard. "
                      "For a shard whose replicas in sync are gone for good.");
  arguments.positional("SHARD", number, true, "Its number");
  arguments.positional("NODE", node, true, "The new leader, one of its replicas");
  arguments.flag("--yes", yes, "Don't ask");
  add_place(arguments, place);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto shard = server::parse_number(number);
  if (!shard || *shard > std::numeric_limits<std::uint16_t>::max()) {
    return complain(name, "SHARD is a number, not \"" + number + "\"", kExitUsage);
  }
  const auto data_dir = find_data_dir(name, place);
  if (!data_dir) return kExitUsage;
  const NodeAnswer status = ask_status(name, *data_dir);
  if (!status.body) return status.exit_code;
  std::fputs(forced_leader_warning(*status.body, static_cast<std::uint32_t>(*shard), node).c_str(),
             stderr);
  if (!yes) {
    const std::string question = "Make " + node + " the leader of shard " + number + "?";
    if (const auto code = ask_person(name, question)) return *code;
  }
  return begin(name, *data_dir, "force-leader", {{"shard", *shard}, {"node", node}},
               node + " becomes the leader of shard " + number + ".");
}

struct Verb {
  std::string_view name;
  int (*run)(int argc, char** argv);
  const char* help;
};

constexpr Verb kVerbs[] = {
    {"status", run_cluster_status, "nodes, shards that aren't well, alarms"},
    {"remove", run_cluster_remove, "empty a node for good"},
    {"move-leaders", run_move_leaders, "give a node's leadership to others"},
    {"force-leader", run_force_leader, "make a replica the leader although data may be lost"},
};

}  // namespace

int run_cluster(int argc, char** argv) {
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  for (const Verb& verb : kVerbs) {
    if (wanted == verb.name) return verb.run(argc - 1, argv + 1);
  }
  const bool is_help = wanted == "--help" || wanted == "-h";
  std::FILE* out = is_help ? stdout : stderr;
  std::fprintf(out, "Usage: roost cluster VERB [OPTIONS]\n\nVerbs:\n");
  for (const Verb& verb : kVerbs) std::fprintf(out, "  %-13s %s\n", verb.name.data(), verb.help);
  return is_help ? 0 : kExitUsage;
}

}  // namespace roost::cli
