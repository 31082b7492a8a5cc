// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/request_identity.h"

namespace roost::auth {

namespace {

// "192.0.2.7:51234", "[::1]:50000", "unix".
std::string without_port(std::string_view address) {
  if (address.starts_with('[')) return std::string(address.substr(1, address.find(']') - 1));
  if (address == "unix") return {};
  return std::string(address.substr(0, address.find(':')));
}

}  // namespace

Identity identity_of(const AuthRequest& request) {
  Identity identity;
  identity.listener = request.listener;
  identity.address = without_port(request.peer_address);
  identity.certificate_common_name = request.certificate_common_name;
  return identity;
}

}  // namespace roost::auth
