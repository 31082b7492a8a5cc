// SPDX-License-Identifier: Apache-2.0
// What an operator can choose for one listener.
// Thread: immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/net/admission.h"
#include "broker/net/connection.h"

namespace roost::net {

class TicketKeys;

enum class ClientCertificate : std::uint8_t { none, optional, required };

struct TlsSettings {
  std::string certificate_file;  // PEM, chain included
  std::string key_file;
  std::string ca_file;   // for client certificates
  std::string crl_file;  // of revoked ones; empty: none
  ClientCertificate client_certificate = ClientCertificate::none;
  std::string min_version = "1.2";            // "1.2" or "1.3"
  std::string ciphers;                        // OpenSSL's words; empty: its default
  std::shared_ptr<const TicketKeys> tickets;  // null: keys of this context alone
};

struct ListenerSettings {
  std::string name;                   // for logs and metrics
  std::string address = "127.0.0.1";  // IPv4, IPv6, host name, "*" or "::" for all
  std::uint16_t port = 1883;          // 0: a free one
  std::string unix_path;              // instead of address and port
  std::uint32_t unix_mode = 0660;
  bool websocket = false;
  std::string websocket_path;  // empty: any
  bool proxy_protocol = false;
  std::unique_ptr<TlsSettings> tls;
  std::uint32_t max_connections = 0;            // 0: unlimited
  Admission* admission = nullptr;               // the node's; null: whoever comes comes in
  std::uint32_t handshake_timeout_ms = 10'000;  // PROXY + TLS + WebSocket
  // TLS: while so many steps of handshakes wait for their core, it accepts no more. 0: no limit.
  std::uint32_t handshakes_max = 4096;
  int silent_for_s = 1;  // TCP: who says nothing is accepted so much later; 0: at once
  ConnectionLimits connection;
};

}  // namespace roost::net
