// SPDX-License-Identifier: Apache-2.0
// The options that `roost pub` and `roost sub` share: where to connect, as whom, TLS, will, MQTT 5
// properties. Letters and meanings are mosquitto's.
// Thread: own thread.
// Owner: the command; must outlive the client (properties are views into it).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/cli/arguments.h"
#include "broker/cli/property_arguments.h"
#include "broker/client/options.h"
#include "broker/mqtt/reason_code.h"

namespace roost::cli {

// mosquitto's codes, where a script might look at them.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitTimeout = 27;

class ConnectArguments {
 public:
  void declare(Arguments& arguments);
  // Works out what was given. `url_topic` is set from -L. Errors are usage errors, a sentence.
  Result<void> resolve();

  client::Endpoint endpoint;
  client::ConnectOptions options;
  PropertyArguments properties;
  std::optional<std::string> url_topic;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool debug = false;
  bool quiet = false;

 private:
  Result<void> resolve_transport();
  Result<void> resolve_session();
  Result<void> resolve_will();

  std::optional<std::string> host_, url_, user_name_, password_;
  std::optional<std::uint32_t> port_;
  std::string unix_path_, client_id_, id_prefix_, version_, session_expiry_;
  std::uint16_t keep_alive_s_ = 60;
  std::uint32_t qos_ = 0;
  bool persistent_ = false;
  bool websocket_ = false;
  bool os_certificates_ = false;
  bool no_delay_ = false;  // always so
  std::optional<std::string> will_topic_, will_payload_;
  std::uint32_t will_qos_ = 0;
  bool will_retain_ = false;
  std::vector<std::vector<std::string>> property_words_;
};

// The exit code for a CONNACK that refuses: 1 to 5 in 3.x, the reason code in 5.0.
int exit_code_of(mqtt::ReasonCode reason, mqtt::ProtocolVersion version);
// "Connection error: ..." as mosquitto's clients say it.
std::string refusal_text(mqtt::ReasonCode reason, mqtt::ProtocolVersion version);

}  // namespace roost::cli
