// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string_view>

#include "broker/cli/cli.h"
#include "broker/server/version.h"

namespace roost::cli {
namespace {

struct Command {
  std::string_view name;
  int (*run)(int argc, char** argv);
  const char* help;
};

constexpr Command kCommands[] = {
    {"serve", run_serve_command, "run the broker (also without a command)"},
    {"pub", run_pub, "publish messages, with mosquitto_pub's letters"},
    {"sub", run_sub, "subscribe and print messages, with mosquitto_sub's letters"},
    {"bench", run_bench, "load a broker and report what it did and cost"},
    {"passwd", run_passwd, "add, change or delete a user of a password file"},
    {"status", run_status, "show what a running node is doing"},
    {"backup", run_backup, "copy a running node's data to a folder"},
    {"restore", run_restore, "make a data directory of a backup"},
    {"cluster", run_cluster, "show the cluster, remove a node, move leaders"},
    {"drain", run_drain, "let a node hand over, send its clients off and end"},
    {"explain", run_explain, "say by which rule a client may do something, or not"},
    {"ban", run_ban, "keep a client, a user or an address out for a while"},
    {"inspect", run_inspect, "show what a stopped data directory or a backup holds"},
    {"import", run_import, "translate a mosquitto.conf into roost.yaml"},
};

void print_help() {
  std::printf(
      "roost - a clustered MQTT broker\n\n"
      "Usage: roost [COMMAND] [OPTIONS]\n\nCommands:\n");
  for (const Command& command : kCommands) {
    std::printf("  %-8s %s\n", command.name.data(), command.help);
  }
  std::printf(
      "\n  roost --version           the version\n"
      "  roost COMMAND --help      a command's options\n\n"
      "Exit codes: 0 done, 1 the command says no and why, 2 usage or config, 3 data directory,\n"
      "4 address in use, 5 no node answers;\n"
      "`pub` and `sub` end with mosquitto_pub's and mosquitto_sub's codes.\n");
}

}  // namespace

int main_command(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "--version") {
    std::printf("roost %s\n", server::version().c_str());
    return 0;
  }
  if (first == "--help" || first == "-h" || first == "help") {
    print_help();
    return 0;
  }
  for (const Command& command : kCommands) {
    if (first == command.name) return command.run(argc - 1, argv + 1);
  }
  if (first.empty() || first.starts_with('-')) return run_serve_command(argc, argv);
  std::fprintf(stderr, "roost: no command '%s'\n", argv[1]);
  print_help();
  return 2;
}

}  // namespace roost::cli
