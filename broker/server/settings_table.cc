// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <utility>

#include "broker/base/ids.h"
#include "broker/server/settings.h"

namespace roost::server {

namespace {

using L = ListenerConfig;
using Kind = ValueKind;

constexpr std::uint64_t kAny16 = std::numeric_limits<std::uint16_t>::max();
constexpr std::uint64_t kAny32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kAny64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kDayMs = 86'400'000;

Allowed range(std::uint64_t min, std::uint64_t max, std::string_view word = {},
              std::uint64_t word_value = 0) {
  return {min, max, word, word_value, {}};
}

Allowed one_of(std::vector<std::string_view> choices) { return {0, 0, {}, 0, std::move(choices)}; }

// Rows stay in the order of deploy/roost.yaml. A capture-less lambda names the field.
#define CONFIG_FIELD(member) [](Config& c, L*) -> Field { return &c.member; }
#define LISTENER_FIELD(member) [](Config&, L* l) -> Field { return &l->member; }

std::vector<Setting> listener_settings() {
  return {
      {"listeners.*.name", Kind::text, "", LISTENER_FIELD(name),
       "For logs and metrics; without one it is made of protocol and port."},
      {"listeners.*.protocol", Kind::choice, "mqtt", LISTENER_FIELD(websocket),
       "MQTT on the bare connection, or inside WebSocket. With tls below: mqtts and wss.",
       one_of({"mqtt", "ws"})},
      {"listeners.*.address", Kind::text, "*", LISTENER_FIELD(address),
       "IPv4 or IPv6 address or host name; \"*\" is every address of this machine."},
      {"listeners.*.port", Kind::number, "1883", LISTENER_FIELD(port),
       "TCP port; 0 takes a free one and says which.", range(0, kAny16)},
      {"listeners.*.unix", Kind::text, "", LISTENER_FIELD(unix_path),
       "Path of a Unix socket, instead of address and port."},
      {"listeners.*.tls.cert", Kind::file, "", LISTENER_FIELD(tls.certificate_file),
       "PEM file with the certificate and its chain; with key it switches TLS on."},
      {"listeners.*.tls.key", Kind::file, "", LISTENER_FIELD(tls.key_file),
       "PEM file with the private key."},
      {"listeners.*.tls.ca", Kind::file, "", LISTENER_FIELD(tls.ca_file),
       "PEM file with the authorities that client certificates must come from."},
      {"listeners.*.tls.crl", Kind::file, "", LISTENER_FIELD(tls.crl_file),
       "PEM file with the authority's list of revoked client certificates."},
      {"listeners.*.tls.client_certificate", Kind::choice, "none",
       LISTENER_FIELD(tls.client_certificate), "Whether clients show a certificate.",
       one_of({"none", "optional", "required"})},
      {"listeners.*.tls.user", Kind::text, "", LISTENER_FIELD(tls.user),
       "The user name of a client that shows a certificate, which then needs no password: %cn, "
       "%dns, %email, %uri and %serial are filled in from it, as in device-%cn. Empty: "
       "certificates name nobody."},
      {"listeners.*.tls.min_version", Kind::choice, "1.2", LISTENER_FIELD(tls.min_version),
       "Oldest TLS version that is accepted.", one_of({"1.2", "1.3"})},
      {"listeners.*.tls.ciphers", Kind::text, "", LISTENER_FIELD(tls.ciphers),
       "Cipher list in OpenSSL's words, for TLS 1.2; empty: OpenSSL's default."},
      {"listeners.*.websocket_path", Kind::text, "", LISTENER_FIELD(websocket_path),
       "The only path that WebSocket clients may ask for, e.g. /mqtt; empty: any."},
      {"listeners.*.proxy_protocol", Kind::boolean, "false", LISTENER_FIELD(proxy_protocol),
       "Expect a PROXY protocol header (v1 or v2) in front of every connection, as load balancers "
       "send it. Without the header a connection is refused."},
      {"listeners.*.allow_anonymous", Kind::tri_state, "", LISTENER_FIELD(allow_anonymous),
       "Overrides auth.allow_anonymous for this listener."},
      {"listeners.*.auth", Kind::text, "", LISTENER_FIELD(auth),
       "Who is asked about user names and passwords, in that order, separated by commas (or a "
       "list): password, jwt, http. The first that knows the client decides. Empty: jwt, password, "
       "http, as far as they are configured."},
      {"listeners.*.max_connections", Kind::number, "0", LISTENER_FIELD(max_connections),
       "Connections at once; 0: no limit of its own.", range(0, kAny32)},
      {"listeners.*.max_packet_size", Kind::size, "", LISTENER_FIELD(max_packet_size),
       "Overrides mqtt.max_packet_size for this listener.", range(1024, mqtt::kPacketSizeMax)},
      {"listeners.*.ack", Kind::choice, "quorum", LISTENER_FIELD(ack),
       "When PUBACK and PUBREC leave. quorum: what a session that outlives its connection wants, "
       "or what is retained, is on the disks of all nodes that are in sync, two at least; of a "
       "node alone: on its own. local: it is on the disk of the node that leads it, and lost with "
       "that node where no other has it yet; QoS 2 of a session that outlives its connection waits "
       "for quorum all the same. memory: it is accepted, and a crash may lose it.",
       one_of({"quorum", "local", "memory"})},
  };
}

std::vector<Setting> auth_settings() {
  return {
      {"auth.password_file", Kind::file, "", CONFIG_FIELD(auth.password_file),
       "Users and their password hashes; `roost passwd FILE USER` writes it, SIGHUP reads it "
       "again. With a file, names and passwords are checked."},
      {"auth.allow_anonymous", Kind::tri_state, "", CONFIG_FIELD(auth.allow_anonymous),
       "Whether clients without a user name may connect. Nothing said: with a password file "
       "nobody, without one only clients on this machine (loopback)."},
      {"auth.threads", Kind::number, "0", CONFIG_FIELD(auth.threads),
       "Threads that check passwords; 0: half the CPUs. Each needs 19 MiB while it checks.",
       range(0, 1024)},
      {"auth.max_pending", Kind::number, "10000", CONFIG_FIELD(auth.max_pending),
       "Password checks waiting; a client beyond that is told server busy and comes again.",
       range(1, 10'000'000)},
      {"auth.jwt.algorithm", Kind::choice, "off", CONFIG_FIELD(auth.jwt.algorithm),
       "JSON web tokens as passwords: how they are signed. A token of another algorithm is "
       "refused, "
       "whatever it says of itself.",
       one_of({"off", "HS256", "RS256", "ES256"})},
      {"auth.jwt.key", Kind::file, "", CONFIG_FIELD(auth.jwt.key_file),
       "HS256: file with the shared secret, at least 32 bytes; RS256 and ES256: PEM file with the "
       "public key."},
      {"auth.jwt.jwks", Kind::file, "", CONFIG_FIELD(auth.jwt.jwks_file),
       "File with the keys as a JWK set, instead of key."},
      {"auth.jwt.jwks_url", Kind::text, "", CONFIG_FIELD(auth.jwt.jwks_url),
       "https:// or http:// address of a JWK set, instead of a file."},
      {"auth.jwt.jwks_refresh", Kind::duration_ms, "5m", CONFIG_FIELD(auth.jwt.jwks_refresh_ms),
       "How often it is fetched; sooner where a token names a key that isn't known.",
       range(10'000, kDayMs)},
      {"auth.jwt.jwks_max_age", Kind::duration_ms, "24h", CONFIG_FIELD(auth.jwt.jwks_max_age_ms),
       "How long keys serve that can't be fetched again; after that tokens are refused.",
       range(60'000, 30 * kDayMs)},
      {"auth.jwt.issuer", Kind::text, "", CONFIG_FIELD(auth.jwt.issuer),
       "What the token's iss must be; empty: anything."},
      {"auth.jwt.audience", Kind::text, "", CONFIG_FIELD(auth.jwt.audience),
       "What the token's aud must be or have; empty: a token that has one is refused."},
      {"auth.jwt.leeway", Kind::duration_s, "30s", CONFIG_FIELD(auth.jwt.leeway_s),
       "How far clocks may differ, for exp and nbf.", range(0, 60)},
      {"auth.jwt.user_claim", Kind::text, "sub", CONFIG_FIELD(auth.jwt.user_claim),
       "Where the token has the user name."},
      {"auth.jwt.groups_claim", Kind::text, "groups", CONFIG_FIELD(auth.jwt.groups_claim),
       "Where it has the user's groups, if at all."},
      {"auth.jwt.acl_claim", Kind::text, "acl", CONFIG_FIELD(auth.jwt.acl_claim),
       "Where it has rules of its own, as in acl.file, by which alone the client is judged then."},
      {"auth.jwt.client_id_claim", Kind::text, "", CONFIG_FIELD(auth.jwt.client_id_claim),
       "Where it has the client id that it is good for; empty: it is good for any."},
  };
}

std::vector<Setting> more_auth_settings() {
  return {
      {"auth.http.url", Kind::text, "", CONFIG_FIELD(auth.http.url),
       "https:// or http:// address that is asked by POST whether a client may come in."},
      {"auth.http.ca", Kind::file, "", CONFIG_FIELD(auth.http.ca_file),
       "PEM file with the authority of its certificate, and of jwks_url's; empty: the system's."},
      {"auth.http.timeout", Kind::duration_ms, "5s", CONFIG_FIELD(auth.http.timeout_ms),
       "How long it may take to answer.", range(10, 60'000)},
      {"auth.http.cache", Kind::duration_ms, "60s", CONFIG_FIELD(auth.http.cache_ms),
       "How long a yes is remembered; 0: not at all.", range(0, kDayMs)},
      {"auth.http.max_connections", Kind::number, "16", CONFIG_FIELD(auth.http.max_connections),
       "Requests to it at once.", range(1, 1024)},
      {"auth.http.when_away", Kind::choice, "refuse", CONFIG_FIELD(auth.http.when_away),
       "Where it doesn't answer: clients are refused (v5: 0x88), or the next in the listener's "
       "auth "
       "is asked.",
       one_of({"refuse", "ignore"})},
      {"acl.file", Kind::file, "", CONFIG_FIELD(acl.file),
       "Rules about who may publish and subscribe to what; a changed file counts at once, also for "
       "clients that are connected. Without one everybody may do everything but publish to $SYS."},
      {"acl.mosquitto_file", Kind::file, "", CONFIG_FIELD(acl.mosquitto_file),
       "The same as a file of mosquitto's acl_file, instead."},
  };
}

std::vector<Setting> limit_settings() {
  return {
      {"tls.ticket_secret", Kind::file, "", CONFIG_FIELD(tls.ticket_secret_file),
       "At least 32 random bytes, from which keys of TLS session tickets are derived every 12 "
       "hours; "
       "the same on all nodes. Empty: a cluster shares one by etcd, a node alone has its own."},
      {"limits.max_connections", Kind::number, "0", CONFIG_FIELD(limits.max_connections),
       "Connections of this node at once; 0: as many as it may open files, then accepting waits.",
       range(0, kAny32)},
      {"limits.max_connections_per_address", Kind::number, "0",
       CONFIG_FIELD(limits.max_connections_per_address),
       "The same from one address (an IPv6 /64 counts as one); 0: no limit. All devices behind a "
       "home's router have one address.",
       range(0, kAny32)},
      {"limits.max_connections_per_user", Kind::number, "0",
       CONFIG_FIELD(limits.max_connections_per_user),
       "The same of one user name (v5: 0x97 beyond); 0: no limit.", range(0, kAny32)},
      {"limits.connects_per_second", Kind::number, "0", CONFIG_FIELD(limits.connects_per_second),
       "Connections accepted in a second, before TLS costs anything; the others wait in the "
       "kernel's queue. 0: no limit.",
       range(0, 1'000'000)},
      {"limits.max_handshakes", Kind::number, "1000", CONFIG_FIELD(limits.max_handshakes),
       "TLS handshakes under way at once on a core and listener; who is silent for 1 s doesn't "
       "count. Others wait, 16 times as many; then accepting does. 0: no limit.",
       range(0, 1000000)},
      {"limits.messages_per_second", Kind::number, "0", CONFIG_FIELD(limits.messages_per_second),
       "PUBLISHes of one client in a second; a second's worth may come at once. 0: no limit.",
       range(0, 1'000'000)},
      {"limits.bytes_per_second", Kind::size, "0", CONFIG_FIELD(limits.bytes_per_second),
       "The same in bytes of PUBLISHes.", range(0, kAny32)},
      {"limits.too_fast", Kind::choice, "wait", CONFIG_FIELD(limits.too_fast_disconnects),
       "A client over those two isn't read until it is in time, or is disconnected (v5: 0x96).",
       one_of({"wait", "disconnect"})},
      {"limits.flapping", Kind::number, "300", CONFIG_FIELD(limits.flapping),
       "Connections of one client id that end without a DISCONNECT, or are taken over, within "
       "limits.flapping_window; then it is held off (v5: 0x9F). 0: no limit.",
       range(0, kAny32)},
      {"limits.flapping_window", Kind::duration_ms, "60s", CONFIG_FIELD(limits.flapping_window_ms),
       "See limits.flapping.", range(1000, kDayMs)},
      {"limits.flapping_hold", Kind::duration_ms, "60s", CONFIG_FIELD(limits.flapping_hold_ms),
       "How long it is held off.", range(1000, kDayMs)},
  };
}

std::vector<Setting> http_settings() {
  return {
      {"http.address", Kind::text, "127.0.0.1", CONFIG_FIELD(http.address),
       "Where /metrics, /livez and /readyz are served, to anybody, and the API below /api/, to who "
       "has a token or a client certificate; \"*\" is every address."},
      {"http.port", Kind::number, "8080", CONFIG_FIELD(http.port), "Its TCP port; 0: off.",
       range(0, kAny16)},
      {"http.max_connections", Kind::number, "64", CONFIG_FIELD(http.max_connections),
       "HTTP connections at once; one more is answered 503.", range(1, 65535)},
      {"http.token_file", Kind::file, "", CONFIG_FIELD(http.token_file),
       "File with the bearer tokens that open the API, one a line (16 characters or more; # begins "
       "a comment); a changed file counts at once. Several are good beside each other."},
      {"http.token", Kind::secret, "", CONFIG_FIELD(http.token),
       "One more token, for the environment; not taken from the command line."},
      {"http.allowed_hosts", Kind::text, "", CONFIG_FIELD(http.allowed_hosts),
       "Host names by which it may be asked besides addresses, localhost and http.address, "
       "separated by commas (or a list)."},
      {"http.allowed_origins", Kind::text, "", CONFIG_FIELD(http.allowed_origins),
       "Origins of pages that may use the API besides its own, like https://console.example, "
       "separated by commas (or a list)."},
      {"http.tls.cert", Kind::file, "", CONFIG_FIELD(http.tls.certificate_file),
       "PEM file with the certificate and its chain; with key it switches TLS on."},
      {"http.tls.key", Kind::file, "", CONFIG_FIELD(http.tls.key_file),
       "PEM file with the private key."},
      {"http.tls.ca", Kind::file, "", CONFIG_FIELD(http.tls.ca_file),
       "PEM file with the authority of client certificates, which open the API as a token does, "
       "and of nothing else."},
  };
}

std::vector<Setting> service_settings() {
  return {
      {"data_dir", Kind::text, "./roost-data", CONFIG_FIELD(data_dir),
       "Where the broker keeps what must survive; made when missing."},
      {"store.cache_bytes", Kind::size, "auto", CONFIG_FIELD(store.cache_bytes),
       "Memory for what is read from disk. auto: a sixteenth of the memory, 8 to 256 MiB.",
       range(1 << 20, kAny64, "auto", 0)},
      {"store.write_buffer_bytes", Kind::size, "64MiB", CONFIG_FIELD(store.write_buffer_bytes),
       "Memory for what is about to be written, of the log and of the state each.",
       range(1 << 20, kAny64)},
      {"store.reserve_bytes", Kind::size, "64MiB", CONFIG_FIELD(store.reserve_bytes),
       "Kept free on the disk for acknowledgements and deletes: below it new messages that must be "
       "stored are refused (v5: 0x97). 0: no reserve.",
       range(0, kAny64)},
      {"store.checkpoint_bytes", Kind::size, "32MiB", CONFIG_FIELD(store.checkpoint_bytes),
       "Log written before the state is brought to disk and the log trimmed; bounds memory and the "
       "time that a restart takes.",
       range(1 << 20, kAny64)},
      {"store.checkpoint_interval", Kind::duration_ms, "60s",
       CONFIG_FIELD(store.checkpoint_interval_ms), "The same after this time at the latest.",
       range(1000, kDayMs)},
      {"shards", Kind::number, "64", CONFIG_FIELD(shards),
       "Units that sessions and retained messages are divided into. Chosen once, for life. At most "
       "64 in a cluster, the same on every node.",
       range(1, 4096)},
      {"threads", Kind::number, "0", CONFIG_FIELD(threads),
       "Threads that serve clients, at most one a shard; 0: one per CPU.", range(0, 64)},
  };
}

std::vector<Setting> cluster_settings() {
  return {
      {"cluster.name", Kind::text, "", CONFIG_FIELD(cluster.name),
       "Nodes with the same name and the same etcd form one broker. Empty: a node alone."},
      {"cluster.nodes", Kind::number, "3", CONFIG_FIELD(cluster.nodes),
       "How many nodes a new cluster waits for before it makes its shards; later, nodes come and "
       "go. Two protect data, not availability: fail-over needs three.",
       range(1, kPeersMax)},
      {"cluster.lease", Kind::duration_ms, "3s", CONFIG_FIELD(cluster.lease_ms),
       "A node that can't be heard for so long is taken for dead. At least one and a half of "
       "etcd's election timeout.",
       range(1000, 60'000)},
      {"cluster.tls.ca", Kind::file, "", CONFIG_FIELD(cluster.tls.ca_file),
       "PEM file with the authority of the nodes' certificates, and of nothing else. With cert and "
       "key, nodes trust each other by it; without the three, whoever reaches node.listen is one."},
      {"cluster.tls.cert", Kind::file, "", CONFIG_FIELD(cluster.tls.certificate_file),
       "PEM file with this node's certificate, for the host that node.advertise names."},
      {"cluster.tls.key", Kind::file, "", CONFIG_FIELD(cluster.tls.key_file),
       "PEM file with its private key."},
      {"node.name", Kind::text, "", CONFIG_FIELD(node.name),
       "This node's name in the cluster, for life; default: the host name."},
      {"node.listen", Kind::text, "*:7883", CONFIG_FIELD(node.listen),
       "address:port where the other nodes connect; \"*\" is every address of this machine."},
      {"node.advertise", Kind::text, "", CONFIG_FIELD(node.advertise),
       "host:port by which the others reach it; default: host name and the port of node.listen."},
      {"node.zone", Kind::text, "", CONFIG_FIELD(node.zone),
       "What fails together (a rack, an availability zone): replicas are spread over zones."},
      {"etcd.endpoints", Kind::text, "", CONFIG_FIELD(etcd.endpoint_list),
       "etcd's members as host:port, separated by commas (or a list)."},
      {"etcd.username", Kind::text, "", CONFIG_FIELD(etcd.user_name),
       "Where etcd wants its clients to log in."},
      {"etcd.password_file", Kind::file, "", CONFIG_FIELD(etcd.password_file),
       "File whose first line is that user's password."},
      {"etcd.ca", Kind::file, "", CONFIG_FIELD(etcd.tls.ca_file),
       "PEM file with the authority of etcd's certificates; switches TLS on."},
      {"etcd.cert", Kind::file, "", CONFIG_FIELD(etcd.tls.certificate_file),
       "PEM file with the certificate that is shown to etcd."},
      {"etcd.key", Kind::file, "", CONFIG_FIELD(etcd.tls.key_file),
       "PEM file with its private key."},
      {"drain.rate", Kind::number, "200", CONFIG_FIELD(drain.rate),
       "Clients per second that are sent off when this node drains, or when the leader of their "
       "sessions has died or moved.",
       range(1, kAny32)},
      {"drain.server_reference", Kind::text, "", CONFIG_FIELD(drain.server_reference),
       "Where MQTT 5 clients are told to go then (0x9C); empty: they are told to come again."},
  };
}

std::vector<Setting> mqtt_settings() {
  return {
      {"mqtt.max_packet_size", Kind::size, "10MiB", CONFIG_FIELD(mqtt.max_packet_size),
       "Largest packet a client may send; larger: v5 clients are told 0x95.",
       range(1024, mqtt::kPacketSizeMax)},
      {"mqtt.max_connect_size", Kind::size, "384KiB", CONFIG_FIELD(mqtt.max_connect_size),
       "Largest CONNECT, of clients that haven't said yet who they are; larger: closed.",
       range(1024, mqtt::kPacketSizeMax)},
      {"mqtt.receive_maximum", Kind::number, "1000", CONFIG_FIELD(mqtt.receive_maximum),
       "QoS 1 and 2 messages that a v5 client may have under way to us (0x93 beyond).",
       range(1, kAny16)},
      {"mqtt.max_inflight", Kind::number, "1000", CONFIG_FIELD(mqtt.max_inflight),
       "QoS 1 and 2 messages under way to one client; v5 clients may ask for fewer.",
       range(1, kAny16)},
      {"mqtt.topic_alias_maximum", Kind::number, "10", CONFIG_FIELD(mqtt.topic_alias_maximum),
       "Topic aliases per connection and direction; 0: none.", range(0, kAny16)},
      {"mqtt.max_topic_levels", Kind::number, "128", CONFIG_FIELD(mqtt.max_topic_levels),
       "Levels of a topic or filter.", range(1, 65535)},
      {"mqtt.max_topic_length", Kind::number, "65535", CONFIG_FIELD(mqtt.max_topic_length),
       "Bytes of a topic or filter (v5: 0x90, 0x8F beyond).", range(1, 65535)},
      {"mqtt.max_retained_payload", Kind::size, "0", CONFIG_FIELD(mqtt.max_retained_payload),
       "Payload of a retained message (v5: 0x97 beyond, 3.x: dropped); 0: no limit.",
       range(0, mqtt::kPacketSizeMax)},
      {"mqtt.keep_alive_max", Kind::duration_s, "0", CONFIG_FIELD(mqtt.keep_alive_max_s),
       "Longest keep alive of v5 clients; who asks for more or for none gets it. 0: no cap.",
       range(0, kAny16)},
      {"mqtt.connect_timeout", Kind::duration_ms, "10s", CONFIG_FIELD(mqtt.connect_timeout_ms),
       "Time for handshakes and CONNECT after the connection is there.", range(100, kDayMs)},
      {"mqtt.max_queued_messages", Kind::number, "100000", CONFIG_FIELD(mqtt.max_queued_messages),
       "Messages waiting for one session; beyond, new ones for it are dropped and counted.",
       range(1, kAny32)},
      {"mqtt.max_queued_bytes", Kind::size, "auto", CONFIG_FIELD(mqtt.max_queued_bytes),
       "Bytes waiting for one session. auto: an eighth of max_queued_bytes_total.",
       range(1024, kAny64, "auto", 0)},
      {"mqtt.max_queued_bytes_total", Kind::size, "auto", CONFIG_FIELD(mqtt.max_queued_bytes_total),
       "Bytes in memory waiting for all sessions of this node that end with their connection. "
       "auto: half of the memory that the machine or the cgroup has.",
       range(1024, kAny64, "auto", 0)},
      {"mqtt.queue_overflow", Kind::choice, "refuse-newest", CONFIG_FIELD(mqtt.drop_oldest),
       "What happens to a message for a full queue of a session that outlives its connection: it "
       "is dropped, or the oldest that isn't under way makes room. Counted either way.",
       one_of({"refuse-newest", "drop-oldest"})},
      {"mqtt.max_queued_age", Kind::duration_s, "never", CONFIG_FIELD(mqtt.max_queued_age_s),
       "Messages that waited longer for their client are dropped and counted.",
       range(1, mqtt::kNeverExpires - 1, "never", 0)},
      {"mqtt.keep_last", Kind::text, "", CONFIG_FIELD(mqtt.keep_last),
       "Topic filters, separated by commas (or a list): of a topic that matches one, a client that "
       "is away finds only the newest message. For setpoints and states."},
      {"mqtt.max_subscriptions_per_client", Kind::number, "200000",
       CONFIG_FIELD(mqtt.max_subscriptions_per_client), "Filters of one client (0x97 beyond).",
       range(1, kAny32)},
      {"mqtt.session_expiry_max", Kind::duration_s, "never",
       CONFIG_FIELD(mqtt.session_expiry_max_s),
       "Longest session expiry interval that a v5 client gets.",
       range(0, mqtt::kNeverExpires - 1, "never", mqtt::kNeverExpires)},
      {"mqtt.persistent_session_expiry", Kind::duration_s, "never",
       CONFIG_FIELD(mqtt.persistent_session_expiry_s),
       "How long a 3.x session with clean session 0 waits for its client.",
       range(1, mqtt::kNeverExpires - 1, "never", mqtt::kNeverExpires)},
      {"mqtt.sys_interval", Kind::duration_ms, "10s", CONFIG_FIELD(mqtt.sys_interval_ms),
       "How often $SYS/broker/... is published; 0: never.", range(0, kDayMs)},
      {"log.level", Kind::choice, "info", CONFIG_FIELD(log.level),
       "The least important lines that are written.",
       one_of({"trace", "debug", "info", "warn", "error"})},
      {"log.format", Kind::choice, "text", CONFIG_FIELD(log.json),
       "Lines for people, or one JSON object a line.", one_of({"text", "json"})},
      {"log.max_connection_lines", Kind::number, "100", CONFIG_FIELD(log.max_connection_lines),
       "Lines per second about who comes and goes; 0: no bound.", range(0, kAny32)},
  };
}

#undef CONFIG_FIELD
#undef LISTENER_FIELD

std::vector<Setting> build_table() {
  std::vector<Setting> table = listener_settings();
  for (auto& part : {auth_settings(), more_auth_settings(), limit_settings(), http_settings(),
                     service_settings(), cluster_settings(), mqtt_settings()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  return table;
}

}  // namespace

std::span<const Setting> settings() {
  static const std::vector<Setting> kTable = build_table();
  return kTable;
}

}  // namespace roost::server
