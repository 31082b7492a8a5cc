// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/options.h"

#include <algorithm>

namespace roost::cli::bench {
namespace {

struct Defaults {
  Mode mode;
  const char* name;
  std::uint32_t publishers, subscribers;
  std::uint64_t count;
};

// count: connections, filters, retained topics or messages per offline session.
constexpr Defaults kDefaults[] = {
    {Mode::fan_in, "fan-in", 100, 1, 0},
    {Mode::fan_out, "fan-out", 1, 100, 0},
    {Mode::pairs, "pairs", 100, 100, 0},
    {Mode::shared, "shared", 10, 10, 0},
    {Mode::wildcards, "wildcards", 100, 100, 100'000},
    {Mode::verify, "verify", 10, 10, 0},
    {Mode::connect, "connect", 0, 0, 15'000},
    {Mode::retained, "retained", 10, 1, 50'000},
    {Mode::offline, "offline", 100, 100, 500},
};

// Publisher i belongs to subscriber i.
bool is_paired(Mode mode) {
  return mode == Mode::pairs || mode == Mode::wildcards || mode == Mode::offline;
}

// Chosen so that no common broker drops anything with its default settings: mosquitto keeps 1000
// messages a client, and takes 20 at QoS 2 from a publisher before it drops some.
std::uint32_t default_window(const Options& options) {
  constexpr std::uint32_t kPerSubscriber = 1000;
  constexpr std::uint32_t kOnTheWay = 10'000;        // deliveries, keeps the latency in bounds
  constexpr std::uint32_t kPerSlowSubscriber = 500;  // one of many may fall behind the others
  const std::uint32_t most = options.qos == 2 ? 20 : 100;
  switch (options.mode) {
    case Mode::fan_in:
      return std::clamp(kPerSubscriber / options.publishers, 1U, most);
    case Mode::fan_out:
      return std::clamp(kOnTheWay / options.subscribers, 1U, most);
    case Mode::verify:
      return std::clamp(kPerSlowSubscriber / options.publishers, 1U, most);
    default:
      return most;
  }
}

}  // namespace

const std::vector<std::string>& mode_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Defaults& row : kDefaults) names.emplace_back(row.name);
    return names;
  }();
  return kNames;
}

Mode mode_of(const std::string& name) {
  for (const Defaults& row : kDefaults) {
    if (name == row.name) return row.mode;
  }
  CHECK(false);
}

Result<void> set_defaults(Options& options) {
  const Defaults& row = kDefaults[static_cast<std::size_t>(options.mode)];
  if (options.publishers == 0) options.publishers = row.publishers;
  if (options.subscribers == 0) {
    options.subscribers = is_paired(options.mode) ? options.publishers : row.subscribers;
  }
  if (options.count == 0) options.count = row.count;
  if (options.window == 0 && options.publishers > 0) options.window = default_window(options);
  options.window = std::min(options.window, kWindowMax);
  options.payload_bytes = std::max(options.payload_bytes, kPayloadBytesMin);
  options.threads = std::max(options.threads, 1U);
  const bool is_verify = options.mode == Mode::verify;
  if (options.is_mixed && !is_verify) {
    return error(ErrorKind::invalid_argument, "only verify has --qos mix");
  }
  if (!options.urls.empty() && !is_verify) {
    return error(ErrorKind::invalid_argument, "only verify has --url");
  }
  const bool is_flow = options.mode == Mode::fan_in || options.mode == Mode::fan_out ||
                       options.mode == Mode::pairs || options.mode == Mode::shared ||
                       options.mode == Mode::wildcards;
  if (options.subscriber_port != 0 && (!is_flow || !options.unix_path.empty())) {
    return error(ErrorKind::invalid_argument, "--subscriber-port is for flows over TCP");
  }
  if (!options.ca_file.empty() || !options.tickets_file.empty()) options.tls = true;
  if (options.tls && options.mode != Mode::connect) {
    return error(ErrorKind::invalid_argument, "only connect has TLS");
  }
  if (options.topics == 0 || options.silence_seconds <= 0) {
    return error(ErrorKind::invalid_argument, "--topics and --silence are more than 0");
  }
  if (options.qos > 2) return error(ErrorKind::invalid_argument, "QoS is 0, 1 or 2");
  if (options.mode == Mode::fan_in && options.subscribers != 1) {
    return error(ErrorKind::invalid_argument, "fan-in has one subscriber");
  }
  const bool is_one_to_all = options.mode == Mode::offline && options.publishers == 1;
  if (is_paired(options.mode) && !is_one_to_all && options.publishers != options.subscribers) {
    return error(ErrorKind::invalid_argument, "as many publishers as subscribers, please");
  }
  if (options.mode == Mode::fan_out && options.publishers != 1) {
    return error(ErrorKind::invalid_argument, "fan-out has one publisher");
  }
  return {};
}

std::atomic<bool>& stop_requested() {
  static std::atomic<bool> requested{false};
  return requested;
}

std::atomic<std::uint32_t>& marks_requested() {
  static std::atomic<std::uint32_t> requested{0};
  return requested;
}

}  // namespace roost::cli::bench
