// SPDX-License-Identifier: Apache-2.0
// roost ban: keeps a client, a user or an address out for a while; lists and takes back.
#include <boost/json/serialize.hpp>

#include <cstdio>
#include <string>

#include "broker/admin/words.h"
#include "broker/cli/cli.h"
#include "broker/cli/fleet_call.h"
#include "broker/cli/json_fields.h"
#include "broker/cli/node_call.h"
#include "broker/server/settings_value.h"

namespace roost::cli {
namespace {

namespace json = boost::json;

constexpr const char* kName = "roost ban";

const std::string kFooter =
    std::string(
        "  roost ban client lamp-17 --for 10m      its connection ends, and it can't come back\n"
        "  roost ban address 192.0.2.0/24          for good, until --remove\n"
        "  roost ban                               who is banned\n\n"
        "A ban is of all nodes that are there; it is kept over restarts.\n\n") +
    kPlaceHelp +
    "\nExit codes: 0; 1 the node answers with an error; 2 usage or config; 3 the data directory\n"
    "may not be used by this user; 5 no node answers there.";

void print(const json::object& answer) {
  const json::array& bans = list_field(answer, "bans");
  if (bans.empty()) std::printf("Nobody is banned.\n");
  const auto now_ms = static_cast<std::int64_t>(number_field(answer, "now_ms"));
  for (const json::value& one : bans) {
    const json::object& ban = one.get_object();
    const auto until_ms = static_cast<std::int64_t>(number_field(ban, "until_ms"));
    const std::string left =
        until_ms == 0 ? "for good"
                      : "for " + admin::duration_words((until_ms - now_ms + 999) / 1000) + " more";
    const std::string why = text_field(ban, "why");
    std::printf("%-8s %s  %s%s%s\n", text_field(ban, "kind").c_str(),
                text_field(ban, "what").c_str(), left.c_str(), why.empty() ? "" : "  ",
                why.c_str());
  }
}

}  // namespace

int run_ban(int argc, char** argv) {
  PlaceOptions place;
  bool as_json = false, removes = false;
  std::string kind, what, time, why;
  Arguments arguments(kName, "Keeps a client id, a user name, an address or a network out.");
  arguments.positional("KIND", kind, false, "client, user or address");
  arguments.positional("WHAT", what, false, "Its id, name, address, or network like 192.0.2.0/24");
  arguments.option("--for", time, "How long, such as 90s, 10m, 2h, 7d; else for good");
  arguments.option("--why", why, "Shown in the list");
  arguments.flag("--remove", removes, "Lets it in again");
  arguments.flag("--json", as_json, "Print the node's answer as it is");
  add_place(arguments, place);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  json::object body = {{"kind", kind}, {"what", what}, {"why", why}};
  if (!kind.empty() && what.empty()) return complain(kName, "who? WHAT is missing", kExitUsage);
  if (!time.empty()) {
    const auto ms = server::parse_duration_ms(time);
    if (!ms || *ms < 1000) {
      return complain(kName, "--for is \"" + time + "\"; allowed is a time like 90s, 10m, 2h, 7d",
                      kExitUsage);
    }
    body["for_s"] = *ms / 1000;
  }
  const auto data_dir = find_data_dir(kName, place);
  if (!data_dir) return kExitUsage;
  const NodeAnswer answer =
      kind.empty()
          ? ask_node(kName, *data_dir, "GET", "/api/v1/bans")
          : ask_node(kName, *data_dir, "POST", removes ? "/api/v1/bans/remove" : "/api/v1/bans",
                     json::serialize(body));
  if (!answer.body) return answer.exit_code;
  say_missing(kName, *answer.body);
  if (as_json) {
    std::printf("%s\n", json::serialize(*answer.body).c_str());
  } else {
    print(*answer.body);
  }
  return 0;
}

}  // namespace roost::cli
