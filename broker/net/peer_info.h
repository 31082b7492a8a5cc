// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a connection, and what its certificate says of it.
// Thread: any thread (values).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace roost::net {

// Of a verified client certificate; empty where it says nothing. One that has several of a kind
// means the first.
struct CertificateNames {
  std::string common_name;
  std::string subject;  // "CN=alice,O=Roost" (RFC 2253)
  std::string dns;      // Subject Alternative Names
  std::string email;
  std::string uri;
  std::string serial;  // hexadecimal, capital letters
};

struct PeerInfo {
  std::string address;       // "192.0.2.7:51234", "[::1]:50000", "unix"; PROXY protocol's word wins
  bool is_loopback = false;  // the socket's own peer (a Unix socket counts); false behind PROXY
                             // unless the proxied source is loopback too
  bool tls = false;
  bool tls_resumed = false;                             // by a ticket, without certificates
  std::shared_ptr<const CertificateNames> certificate;  // null: none was shown and verified
};

// Without the port: "192.0.2.7", "::1"; empty of a Unix socket.
std::string_view host_of(std::string_view address);

// A user name of what the certificate says: %cn, %dns, %email, %uri, %serial are filled in, %% is a
// percent sign. Empty where the certificate lacks one of them.
std::string fill_in(std::string_view pattern, const CertificateNames& names);
// Errors: invalid_argument: an unknown placeholder, or none at all.
Result<void> check_pattern(std::string_view pattern);

}  // namespace roost::net
