// SPDX-License-Identifier: Apache-2.0
// Where to connect and as whom.
// Thread: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/mqtt/properties.h"
#include "broker/mqtt/types.h"

namespace roost::client {

enum class Transport : std::uint8_t { tcp, tls, websocket, secure_websocket, unix_socket };

inline bool is_secure(Transport transport) {
  return transport == Transport::tls || transport == Transport::secure_websocket;
}
inline bool is_websocket(Transport transport) {
  return transport == Transport::websocket || transport == Transport::secure_websocket;
}
// What a URL without a port means.
std::uint16_t default_port(Transport transport);

struct Endpoint {
  Transport transport = Transport::tcp;
  std::string host = "localhost";
  std::uint16_t port = 1883;
  std::string unix_path;
  std::string websocket_path = "/mqtt";
  std::string bind_address;  // local address to come from; empty: any
  // TLS. Without ca_file and ca_path the system's authorities are believed.
  std::string ca_file, ca_path;
  std::string certificate_file, key_file;
  std::string tls_version;  // "tlsv1.2" or "tlsv1.3": that one only; empty: both
  std::string ciphers;
  bool insecure = false;  // don't verify the host name; chains are verified all the same
};

struct WillOptions {
  std::string topic, payload;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  mqtt::Properties properties;
};

// Views in properties must live as long as the client.
struct ConnectOptions {
  mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v3_1_1;
  std::string client_id;
  bool clean_start = true;
  std::uint16_t keep_alive_s = 60;
  std::optional<std::string> user_name, password;
  std::optional<WillOptions> will;
  mqtt::Properties properties;
};

}  // namespace roost::client
