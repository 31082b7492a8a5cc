// SPDX-License-Identifier: Apache-2.0
// roost bench: arguments in, a table or JSON out.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "broker/cli/arguments.h"
#include "broker/cli/bench/modes.h"
#include "broker/cli/cli.h"

namespace roost::cli {
namespace {

constexpr const char* kFooter =
    "Modes: fan-in (many publishers, one subscriber), fan-out (one publisher, many subscribers),\n"
    "pairs (publisher i to subscriber i), shared (one $share group), wildcards (pairs over "
    "--count\n"
    "wildcard filters), verify (every acknowledged message accounted for at every persistent\n"
    "subscriber), connect (--count connections, then held for --idle-seconds), retained (--count\n"
    "retained topics, replayed), offline (sessions filled with --count messages while away by a\n"
    "publisher each, or by one publisher for all).\n\n"
    "A publisher has at most --window messages on the way: not yet acknowledged, or not yet\n"
    "arrived at all subscribers. With --rate, messages leave on a schedule instead and latency\n"
    "counts from the scheduled time. CPU per delivery is user + system time of all threads of\n"
    "--pid over the measured time, divided by the PUBLISH packets that arrived in it.\n\n"
    "verify comes back through the next --url when a connection is lost or silent. SIGINT ends "
    "the\n"
    "publishing; then it waits until subscribers have what they are owed. SIGUSR1 marks a moment:\n"
    "the report says how long it took from there until every subscriber had a newer message.\n\n"
    "Exit codes: 0; 1 messages lost at QoS 1 or 2, duplicated at QoS 2, or reordered (verify), or\n"
    "the run failed; 2 usage.\n\n"
    "Examples:\n"
    "  roost bench fan-in --publishers 100 --pid $(pidof roost)\n"
    "  roost bench pairs -q 1 --rate 10000\n"
    "  roost bench verify -q 2 --messages 10000 --reconnect-every 50 --seed 7\n"
    "  roost bench verify -q mix --rate 2000 --seconds 60 --url mqtt://n1 --url mqtt://n2\n"
    "  roost bench connect --count 15000 --idle-seconds 10 --pid $(pidof roost)\n"
    "  roost bench connect -p 8883 --tls-tickets tickets  # again: the same sessions, resumed";

void add_broker_arguments(Arguments& arguments, bench::Options& options, std::string& version) {
  arguments.group("The broker");
  arguments.option("-h,--host", options.host, "Host");
  arguments.option("-p,--port", options.port, "Port");
  arguments.option("--subscriber-port", options.subscriber_port,
                   "fan-in, fan-out, pairs, shared, wildcards: subscribers are here (0: --port)");
  arguments.list("--url", options.urls,
                 "verify: mqtt://host:port instead; several: the nodes of a cluster");
  arguments.option("--unix", options.unix_path, "Unix socket instead of host and port");
  arguments.choice("-V,--protocol-version", version,
                   {"31", "mqttv31", "311", "mqttv311", "5", "mqttv5"}, "MQTT version");
  arguments.option("-u,--username", options.user_name, "User name");
  arguments.option("-P,--pw", options.password, "Password");
  arguments.flag("--tls", options.tls, "connect: TLS, to any broker without --cafile");
  arguments.option("--cafile", options.ca_file,
                   "connect: TLS, to brokers of these authorities (PEM)");
  arguments.option("--tls-tickets", options.tickets_file,
                   "connect: resume the TLS sessions in this file, leave the new ones there");
  arguments.option("--pid", options.pid, "Its process id: reports its CPU and memory");
}

void add_load_arguments(Arguments& arguments, bench::Options& options, std::string& qos) {
  arguments.group("The load (0: the mode's default)");
  arguments.option("--publishers", options.publishers, "How many publish");
  arguments.option("--subscribers", options.subscribers, "How many subscribe");
  arguments.choice(
      "-q,--qos", qos, {"0", "1", "2", "mix"},
      "QoS of messages and subscriptions; mix: publishers at 1 and 2 in turn (verify)");
  arguments.option("--payload,--size", options.payload_bytes, "Payload in bytes, at least 24");
  arguments.option("--window", options.window, "Messages on the way per publisher");
  arguments.option("--rate", options.rate, "Messages per second of all publishers; 0: no limit");
  arguments.option("--messages", options.messages, "Per publisher, instead of --seconds");
  arguments.option("--count", options.count,
                   "Connections, filters, retained topics, or messages per offline session");
  arguments.option("--topics", options.topics, "verify: topics of each publisher");
  arguments.option("--topic-prefix", options.topic_prefix, "First level of all topics");
  arguments.option("--filter", options.filter, "retained: what to subscribe, else #");
  arguments.option("--filter-shape", options.filter_shape,
                   "wildcards: %p is the prefix, %n the number");
  arguments.option("--concurrency", options.concurrency, "connect: handshakes at a time");
  arguments.option("--sources", options.sources, "connect: how many 127.0.0.x to come from");
  arguments.option("--reconnect-every", options.reconnect_ms,
                   "verify: cut a random connection every N ms");
  arguments.option("--seed", options.seed, "verify: which connections are cut");
  arguments.flag("--persistent", options.persistent,
                 "Subscribers' sessions outlive their connections");
  arguments.flag("--keep", options.keep,
                 "retained: leave the topics there; offline, verify: leave the sessions there");
}

void add_run_arguments(Arguments& arguments, bench::Options& options) {
  arguments.group("The run");
  arguments.option("--seconds", options.seconds, "Measured time");
  arguments.option("--warmup", options.warmup_seconds, "Seconds before it");
  arguments.option("--drain,--drain-seconds", options.drain_seconds,
                   "Silence in s after which messages are lost");
  arguments.option("--silence", options.silence_seconds,
                   "verify: a connection silent for so many s is given up");
  arguments.option("--idle-seconds", options.idle_seconds, "connect: how long to hold");
  arguments.option("--threads", options.threads, "Threads of the generator");
  arguments.flag("--json", options.json, "One JSON object instead of the table");
  arguments.flag("--quiet", options.quiet, "No progress lines");
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

mqtt::ProtocolVersion version_of(const std::string& text) {
  if (text == "31" || text == "mqttv31") return mqtt::ProtocolVersion::v3_1;
  if (text == "5" || text == "mqttv5") return mqtt::ProtocolVersion::v5;
  return mqtt::ProtocolVersion::v3_1_1;
}

Result<int> run_mode(const bench::Options& options, bench::Report& report) {
  switch (options.mode) {
    case bench::Mode::connect:
      return bench::run_connect(options, report);
    case bench::Mode::retained:
      return bench::run_retained(options, report);
    case bench::Mode::offline:
      return bench::run_offline(options, report);
    case bench::Mode::verify:
      return bench::run_verify(options, report);
    default:
      return bench::run_flow(options, report);
  }
}

}  // namespace

int run_bench(int argc, char** argv) {
  bench::Options options;
  std::string mode;
  std::string version = "311";
  std::string qos = "0";
  Arguments arguments("roost bench", "Loads an MQTT broker and reports what it did and cost.",
                      false);
  std::string modes;
  for (const std::string& name : bench::mode_names()) modes += (modes.empty() ? "" : ", ") + name;
  arguments.positional("mode", mode, true, modes);
  add_broker_arguments(arguments, options, version);
  add_load_arguments(arguments, options, qos);
  add_run_arguments(arguments, options);
  arguments.footer(kFooter);
  if (const auto code = arguments.parse(argc, argv)) return *code;

  const auto& names = bench::mode_names();
  if (std::find(names.begin(), names.end(), mode) == names.end()) {
    std::fprintf(stderr, "roost bench: no mode '%s'; there are %s\n", mode.c_str(), modes.c_str());
    return kExitUsage;
  }
  options.mode = bench::mode_of(mode);
  options.version = version_of(version);
  options.is_mixed = qos == "mix";
  options.qos = static_cast<std::uint8_t>(options.is_mixed ? 2 : qos.front() - '0');
  if (auto ok = bench::set_defaults(options); !ok) {
    std::fprintf(stderr, "roost bench: %s\n", ok.error().message.c_str());
    return kExitUsage;
  }
  raise_file_limit();
  std::signal(SIGINT, [](int) { bench::stop_requested() = true; });
  std::signal(SIGUSR1, [](int) { ++bench::marks_requested(); });
  std::signal(SIGTERM, [](int) { bench::stop_requested() = true; });

  bench::Report report;
  report.text("mode", "mode", mode);
  if (options.is_mixed) {
    report.text("qos", "QoS", "1 and 2");
  } else {
    report.count("qos", "QoS", options.qos);
  }
  report.count("payload_bytes", "payload bytes", options.payload_bytes);
  auto code = run_mode(options, report);
  if (!code) {
    std::fprintf(stderr, "roost bench: %s\n", code.error().message.c_str());
    return 1;
  }
  std::fputs(options.json ? report.json().c_str() : report.table().c_str(), stdout);
  return *code;
}

}  // namespace roost::cli
