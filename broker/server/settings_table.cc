// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "broker/base/ids.h"
#include "broker/server/settings_rows.h"

namespace roost::server {

namespace {

using Kind = ValueKind;

// Rows stay in the order of deploy/roost.yaml.

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
       "PEM file with this node's certificate; one of its DNS names is node.name, by which nodes "
       "know "
       "one another."},
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
      {"drain.timeout", Kind::duration_ms, "60s", CONFIG_FIELD(drain.timeout_ms),
       "For sending them off when this node drains; who is left then is cut off at once. With many "
       "clients: their number / drain.rate, and whoever stops the node must have the patience.",
       range(0, kAny32)},
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
      {"mqtt.max_retained", Kind::number, "1000000", CONFIG_FIELD(mqtt.max_retained),
       "Topics with a retained message, in the shards that a node holds (v5: 0x97 for one more, "
       "3.x: "
       "dropped); 0: no limit.",
       range(0, kAny32)},
      {"mqtt.keep_alive_max", Kind::duration_s, "0", CONFIG_FIELD(mqtt.keep_alive_max_s),
       "Longest keep alive of v5 clients; who asks for more or for none gets it. 0: no cap.",
       range(0, kAny16)},
      {"mqtt.connect_timeout", Kind::duration_ms, "10s", CONFIG_FIELD(mqtt.connect_timeout_ms),
       "Time for handshakes, and again for CONNECT after them.", range(100, kDayMs)},
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
  };
}

std::vector<Setting> telling_settings() {
  return {
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

std::vector<Setting> build_table() {
  std::vector<Setting> table = listener_settings();
  for (auto& part : {auth_settings(), more_auth_settings(), limit_settings(), http_settings(),
                     service_settings(), cluster_settings(), mqtt_settings(), telling_settings(),
                     otel_settings(), bridge_settings(), webhook_settings()}) {
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
