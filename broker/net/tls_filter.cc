// SPDX-License-Identifier: Apache-2.0
#include "broker/net/tls_filter.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <string>
#include <utility>

#include "broker/base/check.h"
#include "broker/net/certificate_names.h"
#include "broker/net/connection.h"

namespace roost::net {

namespace {

constexpr std::size_t kRecordSize = 16 * 1024;  // plain bytes of the largest TLS record

// Where OpenSSL reads from and writes to during one call.
struct Buffers {
  ByteView in;
  FilterOutput* out = nullptr;
};

Buffers& buffers_of(BIO* bio) { return *static_cast<Buffers*>(::BIO_get_data(bio)); }

int read_wire(BIO* bio, char* to, int size_max) {
  Buffers& buffers = buffers_of(bio);
  ::BIO_clear_retry_flags(bio);
  const std::size_t size = std::min(static_cast<std::size_t>(size_max), buffers.in.size());
  if (size == 0) {
    ::BIO_set_retry_read(bio);
    return -1;
  }
  std::copy_n(buffers.in.begin(), size, to);
  buffers.in = buffers.in.subspan(size);
  return static_cast<int>(size);
}

int write_wire(BIO* bio, const char* from, int size) {
  FilterOutput& out = *buffers_of(bio).out;
  out.insert(out.end(), from, from + size);
  return size;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// A table of functions; made once, never changed.
const BIO_METHOD* buffers_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&::BIO_meth_free)> kMethod = [] {
    std::unique_ptr<BIO_METHOD, decltype(&::BIO_meth_free)> made(
        ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "roost buffers"),
        &::BIO_meth_free);
    CHECK(made != nullptr);
    ::BIO_meth_set_read(made.get(), &read_wire);
    ::BIO_meth_set_write(made.get(), &write_wire);
    ::BIO_meth_set_ctrl(made.get(), &control);
    return made;
  }();
  return kMethod.get();
}

class TlsFilter final : public ByteFilter {
 public:
  explicit TlsFilter(SSL_CTX& context) : context_(&context, &::SSL_CTX_free) {
    CHECK(::SSL_CTX_up_ref(&context) == 1);
  }

  FilterStatus from_wire(ByteView wire, FilterOutput& out_app, FilterOutput& out_wire) override {
    if (status_ != FilterStatus::ok) return status_;
    if (context_ != nullptr) begin();
    buffers_ = {wire, &out_wire};
    ::ERR_clear_error();
    if (!handshake_done_) {
      note(::SSL_do_handshake(ssl_.get()));
      handshake_done_ = ::SSL_is_init_finished(ssl_.get()) == 1;
      if (handshake_done_ && !early_.empty()) write(std::exchange(early_, {}));
    }
    while (handshake_done_ && status_ == FilterStatus::ok && read(out_app)) {
    }
    buffers_ = {};
    return status_;
  }

  FilterStatus to_wire(ByteView app, FilterOutput& out_wire) override {
    if (status_ == FilterStatus::failed) return status_;
    if (!handshake_done_) {
      early_.insert(early_.end(), app.begin(), app.end());
      return status_;
    }
    buffers_ = {{}, &out_wire};
    ::ERR_clear_error();
    write(app);
    buffers_ = {};
    return status_ == FilterStatus::failed ? status_ : FilterStatus::ok;
  }

  void end(FilterOutput& out_wire) override {
    if (!handshake_done_ || status_ == FilterStatus::failed) return;
    buffers_ = {{}, &out_wire};
    ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
    buffers_ = {};
  }

  bool handshake_done() const override { return handshake_done_; }

  void describe(PeerInfo& peer) const override {
    peer.tls = true;
    peer.tls_resumed = ::SSL_session_reused(ssl_.get()) == 1;
    const std::unique_ptr<X509, decltype(&::X509_free)> certificate(
        ::SSL_get1_peer_certificate(ssl_.get()), &::X509_free);
    if (!certificate || ::SSL_get_verify_result(ssl_.get()) != X509_V_OK) return;
    peer.certificate = std::make_shared<const CertificateNames>(names_of(*certificate));
  }

  std::string last_error() const override { return error_; }

 private:
  // Not before the peer has said something: a connection that waits for its turn costs little.
  void begin() {
    ssl_.reset(::SSL_new(context_.get()));
    BIO* const bio = ::BIO_new(buffers_method());
    CHECK(ssl_ != nullptr && bio != nullptr);
    ::BIO_set_data(bio, &buffers_);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl_.get(), bio, bio);
    ::SSL_set_accept_state(ssl_.get());
    context_.reset();
  }

  // One piece of at most a record; false when there is no more.
  bool read(FilterOutput& out_app) {
    const std::size_t before = out_app.size();
    const std::size_t expected = static_cast<std::size_t>(::SSL_pending(ssl_.get()));
    out_app.resize(before + std::min(kRecordSize, std::max(expected, buffers_.in.size() + 1)));
    std::size_t size = 0;
    const int result =
        ::SSL_read_ex(ssl_.get(), out_app.data() + before, out_app.size() - before, &size);
    out_app.resize(before + (result == 1 ? size : 0));
    note(result);
    return result == 1;
  }

  // Never waits: the buffer takes everything.
  void write(ByteView app) {
    while (!app.empty() && status_ != FilterStatus::failed) {
      std::size_t size = 0;
      note(::SSL_write_ex(ssl_.get(), app.data(), app.size(), &size));
      app = app.subspan(size);
    }
  }

  void note(int result) {
    if (result == 1) return;
    const int why = ::SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_WANT_READ) return;
    status_ = why == SSL_ERROR_ZERO_RETURN ? FilterStatus::closed : FilterStatus::failed;
    if (status_ == FilterStatus::failed) error_ = words();
  }

  std::string words() const {
    const unsigned long code = ::ERR_peek_error();
    const char* const reason = ::ERR_reason_error_string(code);
    std::string text = std::string("TLS: ") + (reason != nullptr ? reason : "failed");
    if (const long result = ::SSL_get_verify_result(ssl_.get()); result != X509_V_OK) {
      text += std::string(": ") + ::X509_verify_cert_error_string(result);
    }
    const int number = ERR_GET_REASON(code);
    if (number == SSL_R_WRONG_VERSION_NUMBER || number == SSL_R_HTTP_REQUEST) {
      text += "; is the client speaking TLS at all?";
    }
    ::ERR_clear_error();
    return text;
  }

  Buffers buffers_;
  std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context_;  // null: begun
  std::unique_ptr<SSL, decltype(&::SSL_free)> ssl_{nullptr, &::SSL_free};
  FilterStatus status_ = FilterStatus::ok;
  bool handshake_done_ = false;
  std::vector<std::uint8_t> early_;  // written before the handshake was done
  std::string error_;
};

}  // namespace

std::unique_ptr<ByteFilter> make_tls_filter(SSL_CTX& context) {
  return std::make_unique<TlsFilter>(context);
}

}  // namespace roost::net
