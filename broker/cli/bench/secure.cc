// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/secure.h"

#include <openssl/err.h>

#include <cerrno>
#include <csignal>
#include <limits>

#include "broker/base/check.h"
#include "broker/base/file.h"

namespace roost::cli::bench {

namespace {
constexpr std::uint64_t kSessionsMax = 1024ULL * 1024 * 1024;
}

Result<std::unique_ptr<SecureSettings>> SecureSettings::make(const std::string& ca_file) {
  std::unique_ptr<SecureSettings> made(new SecureSettings(::SSL_CTX_new(::TLS_client_method())));
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets without MSG_NOSIGNAL
  SSL_CTX& context = made->context();
  ::SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  if (ca_file.empty()) return made;
  if (::SSL_CTX_load_verify_locations(&context, ca_file.c_str(), nullptr) != 1) {
    return error(ErrorKind::invalid_argument, ca_file + " holds no CA certificate (PEM)");
  }
  ::SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
  return made;
}

Secure::Secure(const SecureSettings& settings, int fd, SSL_SESSION* resume)
    : ssl_(::SSL_new(&settings.context()), &::SSL_free) {
  CHECK(ssl_ != nullptr && ::SSL_set_fd(ssl_.get(), fd) == 1);
  if (resume != nullptr) ::SSL_set_session(ssl_.get(), resume);
  ::SSL_set_connect_state(ssl_.get());
}

// Without this its session would count as broken. The socket is left as it is.
Secure::~Secure() { ::SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

ssize_t Secure::receive(std::span<std::uint8_t> room) {
  ::ERR_clear_error();
  std::size_t size = 0;
  const int result = ::SSL_read_ex(ssl_.get(), room.data(), room.size(), &size);
  return result_of(result, size);
}

ssize_t Secure::send(std::span<const std::uint8_t> bytes) {
  ::ERR_clear_error();
  std::size_t size = 0;
  const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size);
  return result_of(result, size);
}

ssize_t Secure::result_of(int result, std::size_t size) {
  if (result == 1) return static_cast<ssize_t>(size);
  const int number = errno;
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_SYSCALL:
      errno = number;
      return number == 0 ? 0 : -1;
    default:
      // OpenSSL 3 reports an end without close_notify as an error of its own.
      if (ERR_GET_REASON(::ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return 0;
      errno = EPROTO;
      return -1;
  }
}

bool Secure::waits_to_read() const { return ::SSL_want(ssl_.get()) == SSL_READING; }

SessionPtr Secure::session() const {
  SessionPtr session(::SSL_get1_session(ssl_.get()), &::SSL_SESSION_free);
  if (session != nullptr && ::SSL_SESSION_is_resumable(session.get()) != 1) session.reset();
  return session;
}

Result<std::vector<SessionPtr>> load_sessions(const std::string& path) {
  std::vector<SessionPtr> sessions;
  auto text = base::read_file(path, kSessionsMax);
  if (!text && text.error().kind == ErrorKind::not_found) return sessions;
  if (!text) return Unexpected(text.error());
  const auto* at = reinterpret_cast<const unsigned char*>(text->data());
  const unsigned char* const end = at + text->size();
  while (at < end) {
    SessionPtr session(::d2i_SSL_SESSION(nullptr, &at, static_cast<long>(end - at)),
                       &::SSL_SESSION_free);
    if (session == nullptr) return error(ErrorKind::invalid_argument, path + " holds no sessions");
    sessions.push_back(std::move(session));
  }
  return sessions;
}

Result<void> save_sessions(const std::string& path, const std::vector<SessionPtr>& sessions) {
  std::string text;
  for (const SessionPtr& session : sessions) {
    const int size = ::i2d_SSL_SESSION(session.get(), nullptr);
    const std::size_t before = text.size();
    text.resize(before + static_cast<std::size_t>(size));
    auto* to = reinterpret_cast<unsigned char*>(text.data() + before);
    ::i2d_SSL_SESSION(session.get(), &to);
  }
  return base::replace_file(path, text);
}

}  // namespace roost::cli::bench
