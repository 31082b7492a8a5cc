// SPDX-License-Identifier: Apache-2.0
// roost explain acl: which rule lets a client do something, or doesn't. session and route:
// why_command.cc.
#include <boost/json/serialize.hpp>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "broker/cli/cli.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/node_call.h"

namespace roost::cli {
namespace {

namespace json = boost::json;

constexpr const char* kName = "roost explain acl";

const std::string kFooter =
    std::string(
        "A client that is connected to this node is judged by what it was let in as; of another,\n"
        "say who it would be.\n\n") +
    kPlaceHelp +
    "\nExit codes: 0 it may; 1 it may not, or the node answers with an error; 2 usage or config;\n"
    "3 the data directory may not be used by this user; 5 no node answers there.";

std::string who(const json::object& answer) {
  const std::string user = text_field(answer, "user");
  std::string words = "client " + text_field(answer, "client");
  words += user.empty() ? ", anonymous" : ", user " + user;
  if (!text_field(answer, "listener").empty()) words += ", by " + text_field(answer, "listener");
  if (!text_field(answer, "address").empty()) words += ", from " + text_field(answer, "address");
  return words + (flag_field(answer, "connected") ? " (connected)" : " (not connected)");
}

}  // namespace

int run_explain(int argc, char** argv) {
  const std::string_view about = argc > 1 ? argv[1] : "";
  if (about == "session") return run_explain_session(argc - 1, argv + 1);
  if (about == "route") return run_explain_route(argc - 1, argv + 1);
  PlaceOptions place;
  bool as_json = false;
  std::string what, client, action, topic, user, listener, address, common_name;
  std::vector<std::string> groups;
  Arguments arguments("roost explain",
                      "Says whether a client may do something, and by which rule.");
  arguments.positional("WHAT", what, true,
                       "acl; also `roost explain session CLIENT` and `roost explain route TOPIC`");
  arguments.positional("CLIENT", client, true, "Its client id");
  arguments.positional("ACTION", action, true,
                       "publish, retain (publish with RETAIN), subscribe, "
                       "receive");
  arguments.positional("TOPIC", topic, true, "Or a filter, of subscribe");
  arguments.group("A client that isn't connected here");
  arguments.option("--user", user, "Its user name");
  arguments.list("--group", groups, "A group that whoever lets it in says; again for more");
  arguments.option("--listener", listener, "The listener's name");
  arguments.option("--address", address, "Where it comes from");
  arguments.option("--common-name", common_name, "Of its certificate");
  arguments.group("");
  arguments.flag("--json", as_json, "Print the node's answer as it is");
  add_place(arguments, place);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  if (what != "acl")
    return complain("roost explain", "it explains acl, session and route, not " + what, kExitUsage);
  const auto data_dir = find_data_dir(kName, place);
  if (!data_dir) return kExitUsage;
  const json::object question = {{"client", client},
                                 {"action", action},
                                 {"topic", topic},
                                 {"user", user},
                                 {"listener", listener},
                                 {"address", address},
                                 {"common_name", common_name},
                                 {"groups", json::array(groups.begin(), groups.end())}};
  const NodeAnswer answer =
      ask_node(kName, *data_dir, "POST", "/api/v1/explain/acl", json::serialize(question));
  if (!answer.body) return answer.exit_code;
  const bool allowed = flag_field(*answer.body, "allowed");
  if (as_json) {
    std::printf("%s\n", json::serialize(*answer.body).c_str());
  } else {
    std::printf("%s: %s %s\n%s\n%s\n", allowed ? "allowed" : "DENIED", action.c_str(),
                topic.c_str(), who(*answer.body).c_str(), text_field(*answer.body, "why").c_str());
  }
  return allowed ? 0 : kExitFailed;
}

}  // namespace roost::cli
