// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/import_options.h"

#include <algorithm>
#include <iterator>

namespace roost::cli {

namespace {

constexpr Fate kTo = Fate::translated;
constexpr Fate kNeedless = Fate::not_needed;
constexpr Fate kNot = Fate::impossible;

constexpr std::string_view kNoBridge = "a bridge of Roost's has no such option";
constexpr std::string_view kPlugin =
    "Roost loads no plugins. Clients are asked about by auth.http, auth.jwt or a password file, "
    "topics by acl.file";
constexpr std::string_view kPsk =
    "TLS with pre-shared keys isn't offered; client certificates (tls.client_certificate) are";
constexpr std::string_view kLog = "lines go to stderr, which systemd's journal or a shell keeps";
constexpr std::string_view kDisk =
    "the state is written as it changes, and acknowledged when it is on disk";

constexpr OptionRow kOptions[] = {
    {"acl_file", kTo, "acl.mosquitto_file, read as it is", Option::acl_file},
    {"allow_anonymous", kTo, "auth.allow_anonymous, or that of the listener",
     Option::allow_anonymous},
    {"allow_duplicate_messages", kNeedless, "mosquitto 2.0 doesn't do anything with it either"},
    {"allow_zero_length_clientid", kTo,
     "true is how Roost is; false: a client without an id gets one all the same",
     Option::allow_zero_length_clientid},
    {"auth_opt_*", kNot, kPlugin},
    {"auth_plugin", kNot, kPlugin},
    {"auth_plugin_deny_special_chars", kNeedless, "goes with auth_plugin"},
    {"auto_id_prefix", kNeedless, "the ids that Roost makes begin with roost-"},
    {"autosave_interval", kNeedless, kDisk},
    {"autosave_on_changes", kNeedless, kDisk},
    {"bind_address", kTo, "the first listener's address", Option::bind_address},
    {"bind_interface", kNot, "name the interface's address in listeners.*.address"},
    {"cafile", kTo, "listeners.*.tls.ca, where client certificates are wanted", Option::cafile},
    {"capath", kNot, "put the authorities into one file (cat), for listeners.*.tls.ca"},
    {"certfile", kTo, "listeners.*.tls.cert", Option::certfile},
    {"check_retain_source", kTo,
     "false is how Roost is: who might publish then is not asked again; a rule about receiving is",
     Option::check_retain_source},
    {"ciphers", kTo, "listeners.*.tls.ciphers", Option::ciphers},
    {"ciphers_tls1.3", kNot, "OpenSSL's list for TLS 1.3 is used; its openssl.cnf can shorten it"},
    {"clientid_prefixes", kNot, "write rules about client ids: acl.file"},
    {"connection", kTo, "bridges.*.name", Option::bridge},
    {"connection_messages", kTo, "true is how Roost is; false: log.level warn leaves them out",
     Option::connection_messages},
    {"crlfile", kTo, "listeners.*.tls.crl, where client certificates are wanted", Option::crlfile},
    {"dhparamfile", kNeedless, "key exchange is by elliptic curves"},
    {"http_dir", kNot, "files for browsers belong on a web server"},
    {"include_dir", kTo, "its *.conf files are read too", Option::include_dir},
    {"keyfile", kTo, "listeners.*.tls.key", Option::keyfile},
    {"listener", kTo, "one of listeners", Option::listener},
    {"log_dest", kNeedless, kLog},
    {"log_facility", kNeedless, kLog},
    {"log_timestamp", kNeedless, "every line has one"},
    {"log_timestamp_format", kNeedless, "ISO 8601, in UTC"},
    {"log_type", kTo, "log.level", Option::log_type},
    {"max_connections", kTo, "listeners.*.max_connections", Option::max_connections},
    {"max_inflight_bytes", kNot, "mqtt.max_inflight bounds the number of messages"},
    {"max_inflight_messages", kTo, "mqtt.max_inflight", Option::max_inflight_messages},
    {"max_keepalive", kTo, "mqtt.keep_alive_max", Option::max_keepalive},
    {"max_packet_size", kTo, "mqtt.max_packet_size", Option::max_packet_size},
    {"max_qos", kTo, "2 is how Roost is; less can't be asked for", Option::max_qos},
    {"max_queued_bytes", kTo, "mqtt.max_queued_bytes", Option::max_queued_bytes},
    {"max_queued_messages", kTo, "mqtt.max_queued_messages", Option::max_queued_messages},
    {"max_topic_alias", kTo, "mqtt.topic_alias_maximum", Option::max_topic_alias},
    {"memory_limit", kNot,
     "mqtt.max_queued_bytes_total bounds what waits; a cgroup (MemoryMax of systemd) all of it"},
    {"message_size_limit", kTo, "mqtt.max_packet_size, with room for the rest of the packet",
     Option::message_size_limit},
    {"mount_point", kNot, "clients must say the whole topic; rules keep them to it: acl.file"},
    {"password_file", kTo, "auth.password_file, read as it is", Option::password_file},
    {"per_listener_settings", kTo, "allow_anonymous can be a listener's own; see the notes",
     Option::per_listener_settings},
    {"persistence", kTo, "Roost always keeps what must survive; false: see the note",
     Option::persistence},
    {"persistence_file", kNeedless, "a folder of its own (data_dir); mosquitto.db isn't read"},
    {"persistence_location", kTo, "data_dir, in a folder below it", Option::persistence_location},
    {"persistent_client_expiration", kTo, "mqtt.persistent_session_expiry",
     Option::persistent_client_expiration},
    {"pid_file", kNeedless, "it stays in the foreground: a supervisor knows its pid"},
    {"plugin", kNot, kPlugin},
    {"plugin_opt_*", kNot, kPlugin},
    {"port", kTo, "the first listener's port", Option::port},
    {"protocol", kTo, "listeners.*.protocol", Option::protocol},
    {"psk_file", kNot, kPsk},
    {"psk_hint", kNot, kPsk},
    {"queue_qos0_messages", kTo, "false is how Roost is; true: subscribe with QoS 1 instead",
     Option::queue_qos0_messages},
    {"require_certificate", kTo, "listeners.*.tls.client_certificate: required",
     Option::require_certificate},
    {"retain_available", kTo, "true is how Roost is; false: deny retain by a rule (acl.file)",
     Option::retain_available},
    {"retained_persistence", kNeedless, "an old name of persistence"},
    {"set_tcp_nodelay", kNeedless, "it is always set"},
    {"socket_domain", kTo, "listeners.*.address: 0.0.0.0 or ::", Option::socket_domain},
    {"store_clean_interval", kNeedless, "mosquitto 2.0 doesn't do anything with it either"},
    {"sys_interval", kTo, "mqtt.sys_interval", Option::sys_interval},
    {"tls_engine", kNot, "keys are PEM files"},
    {"tls_engine_kpass_sha1", kNot, "keys are PEM files"},
    {"tls_keyform", kNot, "keys are PEM files"},
    {"tls_version", kTo, "listeners.*.tls.min_version: 1.2 or 1.3", Option::tls_version},
    {"upgrade_outgoing_qos", kTo, "false is how Roost is; true: publish with the QoS wanted",
     Option::upgrade_outgoing_qos},
    {"use_identity_as_username", kTo, "listeners.*.tls.user: %cn",
     Option::use_identity_as_username},
    {"use_subject_as_username", kTo, "can't be: take the common name (tls.user: %cn) instead",
     Option::use_subject_as_username},
    {"use_username_as_clientid", kTo,
     "false is how Roost is; true: write rules with %u instead of %c (acl.file)",
     Option::use_username_as_clientid},
    {"user", kNeedless, "the user that starts it; systemd's User= or su"},
    {"websockets_headers_size", kNeedless, "8 KiB, as mosquitto's"},
    {"websockets_log_level", kNeedless, "log.level is for all"},
    // Of bridges.
    {"address", kTo, "bridges.*.url", Option::bridge},
    {"addresses", kTo, "bridges.*.url; the first one", Option::bridge},
    {"bridge_alpn", kNot, kNoBridge},
    {"bridge_attempt_unsubscribe", kNeedless, "nothing is unsubscribed from there"},
    {"bridge_bind_address", kNot, kNoBridge},
    {"bridge_cafile", kTo, "bridges.*.tls.ca", Option::bridge},
    {"bridge_capath", kNot, "name one file in bridges.*.tls.ca"},
    {"bridge_certfile", kTo, "bridges.*.tls.cert", Option::bridge},
    {"bridge_identity", kNot, kPsk},
    {"bridge_insecure", kTo, "false is how Roost is", Option::bridge},
    {"bridge_keyfile", kTo, "bridges.*.tls.key", Option::bridge},
    {"bridge_max_packet_size", kNot, kNoBridge},
    {"bridge_outgoing_retain", kTo, "true is how Roost is", Option::bridge},
    {"bridge_protocol_version", kTo, "bridges.*.version", Option::bridge},
    {"bridge_psk", kNot, kPsk},
    {"bridge_require_ocsp", kNot, kNoBridge},
    {"bridge_tls_version", kNeedless, "TLS 1.2 or 1.3"},
    {"cleansession", kTo, "false is how Roost is", Option::bridge},
    {"clientid", kTo, "bridges.*.client_id", Option::bridge},
    {"idle_timeout", kNeedless, "of a lazy bridge"},
    {"keepalive_interval", kTo, "bridges.*.keep_alive", Option::bridge},
    {"local_cleansession", kNeedless, "the session here lasts"},
    {"local_clientid", kNeedless, "it is $roost/bridge/NAME"},
    {"local_password", kNeedless, "a bridge may do everything here"},
    {"local_username", kNeedless, "a bridge may do everything here"},
    {"notification_topic", kTo, "bridges.*.state_topic", Option::bridge},
    {"notifications", kNeedless, "said where bridges.*.state_topic is set"},
    {"notifications_local_only", kNeedless, "its state here is in metrics and the API"},
    {"password", kTo, "bridges.*.password_file: a file with it", Option::bridge},
    {"remote_clientid", kTo, "bridges.*.client_id", Option::bridge},
    {"remote_password", kTo, "bridges.*.password_file: a file with it", Option::bridge},
    {"remote_username", kTo, "bridges.*.user", Option::bridge},
    {"restart_timeout", kTo, "bridges.*.retry_min, retry_max", Option::bridge},
    {"round_robin", kNeedless, "there is one address"},
    {"start_type", kTo, "automatic is how Roost is", Option::bridge},
    {"threshold", kNeedless, "of a lazy bridge"},
    {"topic", kTo, "bridges.*.topics", Option::bridge},
    {"try_private", kNeedless, "tried always, with 3.1.1"},
    {"username", kTo, "bridges.*.user", Option::bridge},
};

bool is_row_of(const OptionRow& row, std::string_view name) {
  if (!row.name.ends_with('*')) return row.name == name;
  return name.starts_with(row.name.substr(0, row.name.size() - 1));
}

std::string_view word_of(Fate fate) {
  if (fate == Fate::translated) return "translated";
  return fate == Fate::not_needed ? "not needed" : "not possible";
}

}  // namespace

std::span<const OptionRow> mosquitto_options() { return kOptions; }

const OptionRow* find_option(std::string_view name) {
  const auto found = std::find_if(std::begin(kOptions), std::end(kOptions),
                                  [&](const OptionRow& row) { return is_row_of(row, name); });
  return found == std::end(kOptions) ? nullptr : found;
}

std::string options_markdown() {
  std::string text = "| mosquitto's | | Roost's |\n| --- | --- | --- |\n";
  for (const OptionRow& row : kOptions) {
    text += "| `" + std::string(row.name) + "` | " + std::string(word_of(row.fate)) + " | " +
            std::string(row.text) + " |\n";
  }
  return text;
}

}  // namespace roost::cli
