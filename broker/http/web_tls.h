// SPDX-License-Identifier: Apache-2.0
// Whom an outgoing TLS connection trusts.
// Thread: any thread, before the context is used.
#pragma once

#include <string>

#include "broker/base/result.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace roost::http {

// TLS 1.2 and up; the server's certificate must be signed by `ca_file` (PEM), or by one of the
// system's where that is empty. Errors: invalid_argument, not_found and others of reading a file.
Result<void> set_client_trust(ssl_ctx_st& context, const std::string& ca_file, bool verifies);

}  // namespace roost::http
