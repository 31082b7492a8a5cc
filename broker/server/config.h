// SPDX-License-Identifier: Apache-2.0
// What the operator decides. Read once at start: file < ROOST_... environment < flags. Every field
// is filled from the one table in settings_table.cc, which also has defaults, checks and texts.
// Thread: immutable once loaded.
// Owner: the server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/log.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/types.h"

namespace roost::server {

// When PUBACK and PUBREC leave.
enum class Ack : std::uint8_t {
  quorum,  // on the disks of all nodes in sync; of a node alone: on its own
  local,   // on the disk of the shard's leader
  memory,  // accepted
};

struct TlsConfig {
  std::string certificate_file;  // both empty: no TLS
  std::string key_file;
  std::string ca_file;
  std::string crl_file;
  std::string client_certificate;  // "none", "optional", "required"
  std::string user;                // pattern of a user name (net::fill_in); empty: no names from it
  std::string min_version;         // "1.2", "1.3"
  std::string ciphers;
};

struct ListenerConfig {
  std::string name;  // never empty and unique after load
  bool websocket = false;
  std::string address;
  std::uint16_t port = 0;
  std::string unix_path;  // not empty: instead of address and port
  TlsConfig tls;
  std::string websocket_path;
  bool proxy_protocol = false;
  std::optional<bool> allow_anonymous;  // auth's value where the listener says nothing
  std::string auth;                     // who is asked, in that order; empty: all there are
  std::uint32_t max_connections = 0;    // 0: unlimited
  std::uint32_t max_packet_size = 0;    // never 0 after load
  Ack ack = Ack::quorum;

  bool has_tls() const { return !tls.certificate_file.empty(); }
};

struct JwtConfig {
  std::string algorithm;  // "off", "HS256", "RS256", "ES256"
  std::string key_file;
  std::string jwks_file;
  std::string jwks_url;
  std::uint64_t jwks_refresh_ms = 0;
  std::uint64_t jwks_max_age_ms = 0;
  std::string issuer;    // empty: any
  std::string audience;  // empty: none
  std::uint32_t leeway_s = 0;
  std::string user_claim, groups_claim, acl_claim, client_id_claim;

  bool is_on() const { return algorithm != "off"; }
};

struct HttpAuthConfig {
  std::string url;  // empty: none
  std::string ca_file;
  std::uint64_t timeout_ms = 0;
  std::uint64_t cache_ms = 0;
  std::uint32_t max_connections = 0;
  std::string when_away;  // "refuse", "ignore"
};

struct AclConfig {
  std::string file;
  std::string mosquitto_file;
};

struct AuthConfig {
  std::string password_file;  // empty: none
  // unset: with a password file nobody anonymous, without one loopback only.
  std::optional<bool> allow_anonymous;
  std::uint32_t threads = 0;  // never 0 after load
  std::uint32_t max_pending = 0;
  JwtConfig jwt;
  HttpAuthConfig http;

  // Somebody can tell who a client is.
  bool has_source() const { return !password_file.empty() || jwt.is_on() || !http.url.empty(); }
};

// Durations in ms or, where MQTT counts so, in s; mqtt::kNeverExpires is "never".
struct MqttConfig {
  std::uint32_t max_packet_size = 0;
  std::uint32_t max_connect_size = 0;
  std::uint16_t receive_maximum = 0;  // what we grant v5 publishers
  std::uint16_t max_inflight = 0;     // window towards a client; v5 may ask for less
  std::uint16_t topic_alias_maximum = 0;
  std::uint32_t max_topic_levels = 0;
  std::uint32_t max_topic_length = 0;        // bytes
  std::uint32_t max_retained_payload = 0;    // bytes; 0: no limit
  std::uint32_t max_retained = 1'000'000;    // topics; 0: no limit
  std::uint16_t keep_alive_max_s = 0;        // 0: no cap; v5 only
  std::uint64_t connect_timeout_ms = 0;      // for handshakes, and again for CONNECT
  std::uint32_t max_queued_messages = 0;     // per session
  std::uint64_t max_queued_bytes = 0;        // per session; never 0 after load
  std::uint64_t max_queued_bytes_total = 0;  // all sessions of this node; never 0 after load
  bool drop_oldest = false;                  // when a durable session's queue is full
  std::uint32_t max_queued_age_s = 0;        // of a message in a queue; 0: no limit
  std::string keep_last;                     // filters, separated by commas
  std::uint32_t max_subscriptions_per_client = 0;
  std::uint32_t session_expiry_max_s = 0;         // cap of v5's wish
  std::uint32_t persistent_session_expiry_s = 0;  // 3.x with clean session 0
  std::uint64_t sys_interval_ms = 0;              // $SYS; 0: off

  mqtt::Limits limits() const { return {max_packet_size, max_topic_levels}; }
};

// 0: no limit.
struct TicketConfig {
  std::string ticket_secret_file;  // empty: the cluster's, or one of this process
};

struct LimitsConfig {
  std::uint32_t max_connections = 0;
  std::uint32_t max_connections_per_address = 0;
  std::uint32_t max_connections_per_user = 0;
  std::uint32_t connects_per_second = 0;
  std::uint32_t max_handshakes = 0;       // steps that wait for a core
  std::uint32_t messages_per_second = 0;  // of one client, as the next
  std::uint64_t bytes_per_second = 0;
  bool too_fast_disconnects = false;
  std::uint32_t flapping = 0;  // lost connections of a client id within the next
  std::uint64_t flapping_window_ms = 0;
  std::uint64_t flapping_hold_ms = 0;
};

struct StoreConfig {
  std::uint64_t cache_bytes = 0;  // never 0 after load
  std::uint64_t write_buffer_bytes = 0;
  std::uint64_t reserve_bytes = 0;  // kept free on the disk; 0: none
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t checkpoint_interval_ms = 0;
};

// Files are PEM; all empty: no TLS.
struct ClusterTlsConfig {
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;

  bool is_on() const { return !certificate_file.empty(); }
};

struct HttpConfig {
  std::string address;
  std::uint16_t port = 0;  // 0: off
  std::uint32_t max_connections = 0;
  std::uint32_t max_streams = 0;
  std::uint32_t max_body = 0;  // bytes
  std::uint32_t threads = 0;   // for slow requests
  std::uint32_t idempotency_keys = 0;
  std::uint64_t idempotency_age_ms = 0;
  std::string token_file;                      // empty: none
  std::string token;                           // secret; one more; empty: none
  std::string allowed_hosts, allowed_origins;  // lists
  ClusterTlsConfig tls;                        // ca_file: of clients' certificates; may be empty

  bool has_token() const { return !token.empty() || !token_file.empty(); }
};

struct ClusterConfig {
  std::string name;         // empty: a node alone
  std::uint32_t nodes = 0;  // that a new cluster waits for before it makes its shards
  std::uint64_t lease_ms = 0;
  ClusterTlsConfig tls;  // between nodes
};

struct NodeConfig {
  std::string name;       // never empty after load
  std::string listen;     // address:port of the peer service; see parse_host_port()
  std::string advertise;  // host:port for the others; never empty after load
  std::string zone;       // may be empty
};

struct EtcdConfig {
  std::string endpoint_list;           // as it was written
  std::vector<std::string> endpoints;  // host:port; of the list, after load
  ClusterTlsConfig tls;                // only ca_file is enough
  std::string user_name;               // empty: none
  std::string password_file;           // its first line
};

struct DrainConfig {
  std::uint32_t rate = 0;        // clients per second that are sent off
  std::uint64_t timeout_ms = 0;  // for all of them
  std::string server_reference;  // MQTT 5; empty: none
};

struct MetricsConfig {
  std::string classes;  // of clients: gates::parse_class_rule(), separated by commas
};

struct OtelConfig {
  std::string endpoint;  // of an OTLP/HTTP collector, without /v1/traces; empty: off
  std::string ca_file;
  std::string headers_file;
  std::string service_name;
  std::string sample;          // parse_fraction()
  std::uint32_t rate_max = 0;  // spans per second; 0: no limit
  std::uint32_t max_queued = 0;
  std::uint64_t interval_ms = 0;

  bool is_on() const { return !endpoint.empty(); }
};

struct LogConfig {
  LogLevel level = LogLevel::info;
  bool json = false;
  std::uint32_t max_connection_lines = 0;  // per second; 0: no bound
};

// To another broker; the fields of outgoing::BridgeSettings, as written.
struct BridgeConfig {
  std::string name, url, version;  // "5", "3.1.1"
  std::string client_id;           // never empty after load
  std::string user_name, password_file;
  std::string ca_file, certificate_file, key_file;
  std::string topics;  // lines of outgoing::parse_topic_rule()
  std::string state_topic;
  std::uint16_t keep_alive_s = 0;
  std::uint16_t window = 0;
  std::uint32_t session_expiry_s = 0;
  std::uint64_t retry_min_ms = 0, retry_max_ms = 0;
};

// To a service; the fields of outgoing::WebhookSettings, as written.
struct WebhookConfig {
  std::string name, url;
  std::string events;   // words, separated by commas
  std::string filters;  // lines
  std::string secret_file, headers_file, ca_file;
  std::uint32_t batch_max = 0;
  std::uint64_t batch_bytes = 0, batch_wait_ms = 0, timeout_ms = 0;
  std::uint32_t session_expiry_s = 0;
  std::uint64_t retry_min_ms = 0, retry_max_ms = 0;
};

struct Config {
  std::vector<ListenerConfig> listeners;
  std::vector<BridgeConfig> bridges;
  std::vector<WebhookConfig> webhooks;
  AuthConfig auth;
  AclConfig acl;
  HttpConfig http;
  MqttConfig mqtt;
  TicketConfig tls;
  LimitsConfig limits;
  StoreConfig store;
  ClusterConfig cluster;
  NodeConfig node;
  EtcdConfig etcd;
  DrainConfig drain;
  MetricsConfig metrics;
  OtelConfig otel;
  LogConfig log;
  std::string data_dir;
  std::uint16_t shards = 0;
  std::uint32_t threads = 0;  // never 0 after load

  // Worth a line in the log although the broker starts, e.g. an unknown ROOST_ variable.
  std::vector<std::string> warnings;

  bool is_cluster() const { return !cluster.name.empty(); }
};

struct ConfigSources {
  std::optional<std::string> file;  // a path; none: defaults
  // NAME=value as in environ; others than ROOST_ are skipped.
  std::vector<std::string> environment;
  // path and value in rising order: {"http.port", "0"}, {"listeners.0.port", "1884"}.
  std::vector<std::pair<std::string, std::string>> overrides;
};

struct ConfigOutcome {
  Config config;                    // meaningful when errors is empty
  std::vector<std::string> errors;  // all of them, one sentence each, with file, line and key
};

// Reads, merges and checks everything. Reads files, opens no socket.
ConfigOutcome load_config(const ConfigSources& sources);

// This process's environment in the form of ConfigSources.
std::vector<std::string> process_environment();

// deploy/roost.yaml: every setting with its comment, defaults commented in.
std::string default_config_text();
// The same as a Markdown table: key, environment variable, default, meaning.
std::string settings_markdown();

}  // namespace roost::server
