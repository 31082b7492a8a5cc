// SPDX-License-Identifier: Apache-2.0
// roost inspect: what a stopped data directory or a backup holds.
#include <cstdio>
#include <string>

#include "broker/admin/inspect.h"
#include "broker/base/clock.h"
#include "broker/cli/cli.h"
#include "broker/cli/node_call.h"

namespace roost::cli {
namespace {

constexpr const char* kName = "roost inspect";

const std::string kFooter =
    std::string(
        "Reads the state and the log behind it as a start would, and changes nothing. Works on a\n"
        "stopped node's data directory and on a backup; a running node is asked with roost "
        "status.\n"
        "Payloads are not shown. What is damaged is named, and the rest is shown.\n\n") +
    kPlaceHelp +
    "\nExit codes: 0; 1 something is damaged, or there is no such session; 2 usage or config; 3 "
    "the\ndata directory is in use, not there, or can't be read.\n\n"
    "Examples:\n"
    "  roost inspect --data-dir /var/lib/roost\n"
    "  roost inspect --data-dir /backups/2026-11-26 --session lamp";

}  // namespace

int run_inspect(int argc, char** argv) {
  PlaceOptions place;
  admin::InspectOptions options;
  bool as_json = false;
  Arguments arguments(kName, "Shows what a stopped data directory holds.");
  add_place(arguments, place);
  arguments.flag("--sessions", options.sessions, "List the sessions with their filters");
  arguments.option("--session", options.session, "Show the session of this client id");
  arguments.flag("--retained", options.retained, "List the retained topics with their sizes");
  arguments.flag("--json", as_json, "Print JSON");
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;
  const auto data_dir = find_data_dir(kName, place);
  if (!data_dir) return kExitUsage;
  const auto found = admin::inspect(*data_dir, options, SystemClock());
  if (!found) {
    std::string why = found.error().message;
    if (found.error().kind == ErrorKind::already_exists) {
      why += "; ask the running node with `roost status --data-dir " + *data_dir + "`";
    }
    const bool is_unknown = found.error().kind == ErrorKind::not_found && options.session &&
                            why.find("no session") != std::string::npos;
    return complain(kName, why, is_unknown ? kExitFailed : kExitDataDirectory);
  }
  const std::string text =
      as_json ? admin::inspection_json(*found, options) : admin::inspection_text(*found, options);
  std::fputs(text.c_str(), stdout);
  return found->damage.empty() ? 0 : kExitFailed;
}

}  // namespace roost::cli
