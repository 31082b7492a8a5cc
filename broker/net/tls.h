// SPDX-License-Identifier: Apache-2.0
// TLS 1.2 and 1.3 as a byte filter: OpenSSL on an own BIO that reads from and writes to the
// buffers of the call, so a connection holds no buffer while it is idle.
// Thread: the context is immutable after load() and serves all cores; a filter is where its
// connection is.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/base/result.h"
#include "broker/net/byte_filter.h"
#include "broker/net/settings.h"

struct ssl_ctx_st;

namespace roost::net {

// Certificate, key and rules of one listener. Must outlive no filter: OpenSSL counts references.
class TlsContext {
 public:
  // Errors: invalid_argument, not_found, permission_denied; they name the file and what to do.
  static Result<std::unique_ptr<TlsContext>> load(const TlsSettings& settings);
  virtual ~TlsContext() = default;

  virtual std::unique_ptr<ByteFilter> make_filter() const = 0;
  // For streams of another making (Asio's); SSL_new counts a reference.
  virtual ssl_ctx_st* native() const = 0;
  // When the server's certificate expires, as Unix time in s.
  virtual std::int64_t expires_at_s() const = 0;
};

}  // namespace roost::net
