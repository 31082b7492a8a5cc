// SPDX-License-Identifier: Apache-2.0
#include "broker/server/serve.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "broker/server/config.h"
#include "broker/server/node_store.h"
#include "broker/server/server.h"
#include "broker/server/service_state.h"
#include "broker/server/spdlog_log.h"
#include "broker/server/version.h"

namespace roost::server {

namespace {

ConfigSources sources_of(const ServeOptions& options) {
  ConfigSources sources;
  sources.file = options.config_file;
  sources.environment = process_environment();
  sources.overrides = options.overrides;
  if (options.port) {
    sources.overrides.emplace_back("listeners.0.port", std::to_string(*options.port));
  }
  if (options.data_dir) sources.overrides.emplace_back("data_dir", *options.data_dir);
  return sources;
}

// Every connection is a file: the soft limit goes up to the hard one.
void raise_file_limit(Log& log) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const rlim_t before = files.rlim_cur;
  files.rlim_cur = files.rlim_max;
  if (before != files.rlim_max && setrlimit(RLIMIT_NOFILE, &files) != 0) return;
  log.write(LogLevel::info, "open files: up to " + std::to_string(files.rlim_cur) + " (was " +
                                std::to_string(before) + ")");
}

Result<void> prepare_data_dir(const std::string& path) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed) {
    return error(ErrorKind::io, "data_dir " + path + " can't be made: " + failed.message());
  }
  if (access(path.c_str(), W_OK | X_OK) != 0) {
    return error(ErrorKind::permission_denied, "data_dir " + path + " can't be written");
  }
  return {};
}

void say_started(const Config& config, const Server& server) {
  std::string where;
  for (const std::string& one : server.listening()) where += (where.empty() ? "" : ", ") + one;
  bool anyone = false;
  bool loopback = false;
  for (const ListenerConfig& one : config.listeners) {
    const auto anonymous = one.allow_anonymous ? one.allow_anonymous : config.auth.allow_anonymous;
    anyone |= anonymous.value_or(false);
    loopback |= !anonymous.has_value();
  }
  const char* door = anyone                     ? "anyone may connect (allow_anonymous)"
                     : config.auth.has_source() ? "clients log in"
                     : loopback ? "loopback only; for remote clients set auth.password_file or "
                                  "auth.allow_anonymous: true"
                                : "nobody may connect; set auth.password_file or "
                                  "auth.allow_anonymous: true";
  std::printf("Roost %s listens: %s; %s.\n", version().c_str(), where.c_str(), door);
  if (server.http_port() != 0) {
    const HttpConfig& http = config.http;
    const bool has_api = http.has_token() || !http.tls.ca_file.empty();
    std::printf("%s on %s:%u: /metrics, /livez, /readyz%s; %u cores.\n",
                http.tls.is_on() ? "HTTPS" : "HTTP", http.address.c_str(), server.http_port(),
                has_api ? ", and the API to who may use it" : "", config.threads);
  } else {
    std::printf("HTTP is off; %u cores.\n", config.threads);
  }
  std::printf("Sessions, queues and retained messages are kept in %s; PUBACK means: on %s.\n",
              config.data_dir.c_str(),
              config.is_cluster() ? "the disks of at least two nodes" : "this disk");
  if (const std::string note = server.cluster_note(); !note.empty()) {
    std::printf("%s\n", note.c_str());
  }
  std::fflush(stdout);
}

void say_joining(const Config& config) {
  std::printf("Roost %s, node %s: joins cluster %s; peers reach it at %s, etcd: %s.\n",
              version().c_str(), config.node.name.c_str(), config.cluster.name.c_str(),
              config.node.advertise.c_str(), config.etcd.endpoint_list.c_str());
  std::fflush(stdout);
}

[[noreturn]] void exit_at_once(int) { _exit(1); }

// SIGTERM, SIGINT and SIGHUP come to wait_for_stop only.
sigset_t block_signals() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

void wait_for_stop(const sigset_t& set, const Config& config, Server& server, ServiceState& service,
                   Log& log) {
  constexpr timespec kLookIfJoined{0, 20'000'000};
  constexpr timespec kLookAtFiles{1, 0};
  bool serves = !config.is_cluster();
  for (;;) {
    if (!serves && server.serve_if_joined()) {
      serves = true;
      service.joined();
      say_started(config, server);
    }
    const int number = sigtimedwait(&set, nullptr, serves ? &kLookAtFiles : &kLookIfJoined);
    if (number < 0) {
      if (serves) server.look_for_changes();
      continue;
    }
    if (number == SIGHUP) {
      service.reloading();
      server.reload();
      service.reloaded();
      continue;
    }
    service.stopping();
    log.write(LogLevel::info, number == SIGTERM ? "SIGTERM: stopping" : "SIGINT: stopping");
    for (const int again : {SIGTERM, SIGINT}) signal(again, exit_at_once);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    return;
  }
}

int exit_code(const Error& failed) {
  return failed.kind == ErrorKind::already_exists ? kExitAddressInUse : kExitUsage;
}

}  // namespace

int run_serve(const ServeOptions& options) {
  if (options.print_config) {
    std::fputs(default_config_text().c_str(), stdout);
    return kExitOk;
  }
  const ConfigOutcome loaded = load_config(sources_of(options));
  for (const std::string& line : loaded.errors) std::fprintf(stderr, "%s\n", line.c_str());
  if (!loaded.errors.empty()) return kExitUsage;
  if (options.check) {
    for (const std::string& line : loaded.config.warnings)
      std::fprintf(stderr, "%s\n", line.c_str());
    std::printf("The configuration is fine.\n");
    return kExitOk;
  }
  const sigset_t set = block_signals();
  const Config& config = loaded.config;
  SpdlogLog log(config.log.level,
                config.log.json ? SpdlogLog::Format::json : SpdlogLog::Format::text);
  for (const std::string& line : config.warnings) log.write(LogLevel::warn, line);
  raise_file_limit(log);
  if (const auto prepared = prepare_data_dir(config.data_dir); !prepared) {
    log.flush();
    std::fprintf(stderr, "roost: %s\n", prepared.error().message.c_str());
    return kExitDataDirectory;
  }
  auto store = NodeStore::open(config, log);
  if (!store) {
    log.flush();
    std::fprintf(stderr, "roost: %s\n", store.error().message.c_str());
    return kExitDataDirectory;
  }
  auto server = Server::open(config, log, std::move(*store));
  if (!server) {
    log.flush();
    std::fprintf(stderr, "roost: %s\n", server.error().message.c_str());
    return exit_code(server.error());
  }
  (*server)->on_drain([] { ::kill(::getpid(), SIGTERM); });
  (*server)->start();
  if (config.is_cluster()) {
    say_joining(config);
  } else {
    say_started(config, **server);
  }
  ServiceState service(process_environment(), {[&server] { return (*server)->cores_turn(); },
                                               [&server] { return (*server)->connections(); }});
  service.ready(config.is_cluster());
  service.start_beats();
  wait_for_stop(set, config, **server, service, log);
  (*server)->stop();
  log.write(LogLevel::info, "stopped");
  log.flush();
  return kExitOk;
}

}  // namespace roost::server
