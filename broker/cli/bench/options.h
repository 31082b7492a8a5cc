// SPDX-License-Identifier: Apache-2.0
// What `roost bench` was asked to do.
// Thread: immutable once set_defaults() has run.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/mqtt/types.h"

namespace roost::cli::bench {

enum class Mode : std::uint8_t {
  fan_in,     // many publishers, one subscriber
  fan_out,    // one publisher, many subscribers
  pairs,      // publisher i to subscriber i
  shared,     // pairs' publishers to one shared group
  wildcards,  // pairs over many wildcard filters
  verify,     // every publisher to every subscriber, each number accounted for
  connect,    // connections opened, then held idle
  retained,   // retained topics stored, then replayed to a wildcard
  offline,    // persistent sessions filled while away, then drained
};

// The modes' names in the order of the enum, as on the command line.
const std::vector<std::string>& mode_names();
// Requires: one of mode_names().
Mode mode_of(const std::string& name);

// 0 in the first group stands for "the mode's own default".
struct Options {
  Mode mode = Mode::pairs;
  std::uint32_t publishers = 0;
  std::uint32_t subscribers = 0;
  std::uint32_t window = 0;    // messages a publisher may have on the way
  std::uint64_t count = 0;     // connections, filters, retained topics, offline messages
  std::uint64_t messages = 0;  // per publisher; 0: until the time is over

  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::string unix_path;
  std::uint16_t subscriber_port = 0;  // flows: where subscribers are; 0: `port`
  std::vector<std::string> urls;      // verify: instead of host and port, tried in turn
  mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v3_1_1;
  std::string user_name;
  std::string password;
  bool tls = false;
  std::string ca_file;       // with tls: whose brokers are good; empty: any
  std::string tickets_file;  // connect: TLS sessions to resume, then those to resume next time
  std::string topic_prefix = "bench";
  std::string filter;                    // retained: what to subscribe; empty: "#"
  std::string filter_shape = "%p/%n/+";  // wildcards: %p the prefix, %n the number
  std::uint8_t qos = 0;
  bool is_mixed = false;     // verify: publishers at QoS 1 and 2 in turn; then qos is 2
  std::uint32_t topics = 1;  // verify: of each publisher
  std::uint32_t payload_bytes = 64;
  double rate = 0;  // messages per second of all publishers; 0: as fast as it goes
  double seconds = 10;
  double warmup_seconds = 2;
  double drain_seconds = 5;    // silence after which what is missing counts as lost
  double silence_seconds = 5;  // verify: a broker that says nothing for so long is left
  double idle_seconds = 0;     // connect: how long to hold
  std::uint32_t threads = 1;
  std::uint32_t concurrency = 100;  // connect: handshakes at a time
  std::uint32_t sources = 0;        // connect: how many 127.0.0.x addresses to come from
  std::uint32_t reconnect_ms = 0;   // verify: cut a random connection this often
  std::uint64_t seed = 1;
  int pid = 0;              // the broker's, for its CPU and memory
  bool keep = false;        // retained: leave the topics there; offline: leave the queues full
  bool persistent = false;  // subscribers' sessions outlive their connections
  bool json = false;
  bool quiet = false;
};

inline constexpr std::uint32_t kPayloadBytesMin = 24;  // what a numbered message needs
inline constexpr std::uint32_t kWindowMax = 16'384;

// Fills in the mode's defaults and says what makes no sense (invalid_argument).
[[nodiscard]] Result<void> set_defaults(Options& options);

// Set by SIGINT and SIGTERM: finish early, report what there is.
std::atomic<bool>& stop_requested();
// Raised by SIGUSR1: verify counts from there.
std::atomic<std::uint32_t>& marks_requested();

}  // namespace roost::cli::bench
