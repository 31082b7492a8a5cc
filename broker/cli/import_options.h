// SPDX-License-Identifier: Apache-2.0
// Every option of mosquitto 2.0's configuration, and what becomes of it. The one table; the
// documentation is made of it.
// Thread: any thread (immutable).
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace roost::cli {

enum class Fate {
  translated,  // `text`: to what
  not_needed,  // `text`: why
  impossible,  // `text`: what to do instead
};

// What the reader does with a translated one.
enum class Option {
  none,
  acl_file,
  allow_anonymous,
  allow_zero_length_clientid,
  bind_address,
  cafile,
  certfile,
  check_retain_source,
  ciphers,
  bridge,
  connection_messages,
  crlfile,
  include_dir,
  keyfile,
  listener,
  log_type,
  max_connections,
  max_inflight_messages,
  max_keepalive,
  max_packet_size,
  max_qos,
  max_queued_bytes,
  max_queued_messages,
  max_topic_alias,
  message_size_limit,
  password_file,
  per_listener_settings,
  persistence,
  persistence_location,
  persistent_client_expiration,
  port,
  protocol,
  queue_qos0_messages,
  require_certificate,
  retain_available,
  socket_domain,
  sys_interval,
  tls_version,
  upgrade_outgoing_qos,
  use_identity_as_username,
  use_subject_as_username,
  use_username_as_clientid,
};

struct OptionRow {
  std::string_view name;
  Fate fate;
  std::string_view text;
  Option option = Option::none;
};

std::span<const OptionRow> mosquitto_options();
// Null: mosquitto has no such option. Those that begin with "auth_opt_" or "plugin_opt_" are one.
const OptionRow* find_option(std::string_view name);
// As a Markdown table.
std::string options_markdown();

}  // namespace roost::cli
