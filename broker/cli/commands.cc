// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string>
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
    {"nodes", run_nodes, "show all nodes of the cluster, a line each"},
    {"bridges", run_bridges, "show the bridges to other brokers"},
    {"webhooks", run_webhooks, "show the webhooks"},
    {"clients", run_clients, "list the clients that are connected"},
    {"sessions", run_sessions, "list sessions, of clients that sleep as well"},
    {"session", run_session, "show one session in full, or end it"},
    {"queue", run_queue, "show what waits for a client: list, peek, purge, replay"},
    {"retained", run_retained, "browse retained messages, get or delete them"},
    {"top", run_top, "show the sessions that stand out"},
    {"trace", run_trace, "follow a client, a topic or an address, live"},
    {"kick", run_kick, "end a client's connection"},
    {"backup", run_backup, "copy a running node's data to a folder"},
    {"restore", run_restore, "make a data directory of a backup"},
    {"cluster", run_cluster, "show the cluster, remove a node, move leaders"},
    {"drain", run_drain, "let a node hand over, send its clients off and end"},
    {"explain", run_explain, "say why: acl, route, session"},
    {"ban", run_ban, "keep a client, a user or an address out for a while"},
    {"inspect", run_inspect, "show what a stopped data directory or a backup holds"},
    {"completion", run_completion, "print a script that completes commands in bash or zsh"},
    {"import", run_import, "translate a mosquitto.conf into roost.yaml"},
};

void print_help() {
  std::printf(
      "roost - a clustered MQTT broker\n\n"
      "Usage: roost [COMMAND] [OPTIONS]\n\nCommands:\n");
  for (const Command& command : kCommands) {
    std::printf("  %-10s %s\n", command.name.data(), command.help);
  }
  std::printf(
      "\n  roost --version           the version\n"
      "  roost COMMAND --help      a command's options\n\n"
      "Exit codes: 0 done, 1 the command says no and why, 2 usage or config, 3 data directory,\n"
      "4 address in use, 5 no node answers;\n"
      "`pub` and `sub` end with mosquitto_pub's and mosquitto_sub's codes.\n");
}

constexpr const char* kBash = R"bash(# roost completion bash > /etc/bash_completion.d/roost
_roost() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '%s' -- "$word"))
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "$command" --help 2>/dev/null |
      grep -oE -- '--[a-z][a-z-]*' | sort -u)" -- "$word"))
  else
    case $command in
      explain) COMPREPLY=($(compgen -W 'acl route session' -- "$word")) ;;
      cluster) COMPREPLY=($(compgen -W 'status remove move-leaders force-leader' -- "$word")) ;;
      queue) COMPREPLY=($(compgen -W 'list peek purge replay' -- "$word")) ;;
      top)
        local orders='queue bytes offline silent drops ack inflight filters flapping'
        COMPREPLY=($(compgen -W "$orders" -- "$word"))
        ;;
      *) COMPREPLY=($(compgen -f -- "$word")) ;;
    esac
  fi
}
complete -F _roost roost
)bash";

}  // namespace

// zsh reads bash's.
int run_completion(int argc, char** argv) {
  const std::string_view shell = argc > 1 ? argv[1] : "";
  if (shell != "bash" && shell != "zsh") {
    std::fprintf(stderr, "Usage: roost completion bash|zsh\n");
    return shell == "--help" || shell == "-h" ? 0 : 2;
  }
  std::string names;
  for (const Command& command : kCommands) names += std::string(command.name) + " ";
  if (shell == "zsh") std::printf("autoload -U +X bashcompinit && bashcompinit\n");
  std::printf(kBash, names.c_str());
  return 0;
}

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
