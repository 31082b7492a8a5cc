// SPDX-License-Identifier: Apache-2.0
#include "broker/http/web_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "broker/base/file.h"

namespace roost::http {

Result<void> set_client_trust(SSL_CTX& context, const std::string& ca_file, bool verifies) {
  ::SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
  if (!verifies) return {};
  ::SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty()) {
    ::SSL_CTX_set_default_verify_paths(&context);
    return {};
  }
  if (auto readable = base::read_file(ca_file); !readable) {
    return Unexpected(std::move(readable).error());
  }
  const bool is_loaded = ::SSL_CTX_load_verify_locations(&context, ca_file.c_str(), nullptr) == 1;
  ::ERR_clear_error();
  if (is_loaded) return {};
  return error(ErrorKind::invalid_argument, ca_file +
                                                " holds no usable CA certificate; it must be PEM: "
                                                "-----BEGIN CERTIFICATE-----");
}

}  // namespace roost::http
