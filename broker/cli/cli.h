// SPDX-License-Identifier: Apache-2.0
// The command line: `roost COMMAND ...`. Each command takes the arguments from its own name on
// and returns the exit code.
// Thread: own thread (main's).
#pragma once

namespace roost::cli {

// Chooses the command; without one it is serve. Exit codes: 0, 1 the command says no, 2 usage or
// config, 3 data directory, 4 address in use, 5 no node answers; pub and sub also use mosquitto's.
int main_command(int argc, char** argv);

int run_serve_command(int argc, char** argv);
int run_pub(int argc, char** argv);
int run_sub(int argc, char** argv);
int run_bench(int argc, char** argv);
int run_passwd(int argc, char** argv);
int run_status(int argc, char** argv);
int run_backup(int argc, char** argv);
int run_restore(int argc, char** argv);
int run_inspect(int argc, char** argv);
int run_cluster(int argc, char** argv);
int run_drain(int argc, char** argv);
int run_ban(int argc, char** argv);
int run_explain(int argc, char** argv);
int run_explain_session(int argc, char** argv);
int run_explain_route(int argc, char** argv);
int run_nodes(int argc, char** argv);
int run_bridges(int argc, char** argv);
int run_webhooks(int argc, char** argv);
int run_clients(int argc, char** argv);
int run_sessions(int argc, char** argv);
int run_session(int argc, char** argv);
int run_kick(int argc, char** argv);
int run_top(int argc, char** argv);
int run_trace(int argc, char** argv);
int run_queue(int argc, char** argv);
int run_retained(int argc, char** argv);
int run_completion(int argc, char** argv);
int run_import(int argc, char** argv);

}  // namespace roost::cli
