// SPDX-License-Identifier: Apache-2.0
// TLS of a load generator's connections: one context for all, OpenSSL right on the socket, and the
// sessions that the broker gave them, to be resumed by this run or a later one.
// Thread: own thread (its loop's).
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/base/result.h"

namespace roost::cli::bench {

using SessionPtr = std::unique_ptr<SSL_SESSION, decltype(&::SSL_SESSION_free)>;

class SecureSettings {
 public:
  // `ca_file`: whose servers are good; empty: any. Errors: invalid_argument.
  static Result<std::unique_ptr<SecureSettings>> make(const std::string& ca_file);
  SSL_CTX& context() const { return *context_; }

 private:
  explicit SecureSettings(SSL_CTX* context) : context_(context, &::SSL_CTX_free) {}
  const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context_;
};

// TLS on one connected, non-blocking socket. Shakes hands within the first calls.
class Secure {
 public:
  // `resume`: may be null.
  Secure(const SecureSettings& settings, int fd, SSL_SESSION* resume);
  ~Secure();
  Secure(const Secure&) = delete;
  Secure& operator=(const Secure&) = delete;

  // As recv() and send(): < 0 with EAGAIN in errno: not now; EPROTO: TLS failed.
  ssize_t receive(std::span<std::uint8_t> room);
  ssize_t send(std::span<const std::uint8_t> bytes);
  // send() would go on once something has been received.
  bool waits_to_read() const;
  bool was_resumed() const { return ::SSL_session_reused(ssl_.get()) == 1; }
  // To be resumed by another connection; null: the broker has given none.
  SessionPtr session() const;

 private:
  ssize_t result_of(int result, std::size_t size);

  const std::unique_ptr<SSL, decltype(&::SSL_free)> ssl_;
};

// One session after the other, DER. No such file: none.
Result<std::vector<SessionPtr>> load_sessions(const std::string& path);
[[nodiscard]] Result<void> save_sessions(const std::string& path,
                                         const std::vector<SessionPtr>& sessions);

}  // namespace roost::cli::bench
