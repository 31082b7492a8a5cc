// SPDX-License-Identifier: Apache-2.0
// Loading certificate, key and rules; what goes wrong here is said in words an operator can act on.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>

#include "broker/net/tls.h"
#include "broker/net/tls_filter.h"
#include "broker/net/tls_tickets.h"

namespace roost::net {

namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)>;

class OpenSslContext final : public TlsContext {
 public:
  explicit OpenSslContext(ContextPtr context) : context_(std::move(context)) {}
  std::unique_ptr<ByteFilter> make_filter() const override { return make_tls_filter(*context_); }
  SSL_CTX* native() const override { return context_.get(); }
  std::int64_t expires_at_s() const override {
    std::tm at = {};
    const X509* const certificate = ::SSL_CTX_get0_certificate(context_.get());
    if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &at) != 1) return 0;
    return ::timegm(&at);
  }

 private:
  const ContextPtr context_;
};

Unexpected<Error> invalid(std::string message) {
  return error(ErrorKind::invalid_argument, std::move(message));
}

std::string openssl_words() {
  const char* const reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  return reason != nullptr ? reason : "no further words from OpenSSL";
}

Result<void> check_readable(const std::string& what, const std::string& path) {
  if (path.empty()) return invalid("TLS needs a " + what + ": set it, or switch TLS off");
  if (std::FILE* const file = std::fopen(path.c_str(), "re"); file != nullptr) {
    std::fclose(file);
    return {};
  }
  const int number = errno;
  const std::string start = "can't open the " + what + " " + path + ": " + std::strerror(number);
  if (number == ENOENT || number == ENOTDIR) {
    return error(ErrorKind::not_found, start + "; check the path");
  }
  if (number == EACCES) {
    return error(ErrorKind::permission_denied,
                 start + "; let the user that runs roost read it (chgrp, chmod g+r)");
  }
  return error(ErrorKind::io, start);
}

Result<void> load_certificate(SSL_CTX& context, const TlsSettings& settings) {
  if (auto readable = check_readable("certificate file", settings.certificate_file); !readable) {
    return readable;
  }
  if (::SSL_CTX_use_certificate_chain_file(&context, settings.certificate_file.c_str()) == 1) {
    return {};
  }
  return invalid(settings.certificate_file + " is no usable certificate (" + openssl_words() +
                 "); it must be PEM: -----BEGIN CERTIFICATE-----, the server's first, then its "
                 "chain");
}

Result<void> load_key(SSL_CTX& context, const TlsSettings& settings) {
  if (auto readable = check_readable("key file", settings.key_file); !readable) return readable;
  // Without a callback OpenSSL would ask on the terminal.
  bool encrypted = false;
  ::SSL_CTX_set_default_passwd_cb_userdata(&context, &encrypted);
  ::SSL_CTX_set_default_passwd_cb(&context, [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return 0;
  });
  const std::string& key = settings.key_file;
  const int loaded = ::SSL_CTX_use_PrivateKey_file(&context, key.c_str(), SSL_FILETYPE_PEM);
  ::SSL_CTX_set_default_passwd_cb_userdata(&context, nullptr);
  ::SSL_CTX_set_default_passwd_cb(&context, [](char*, int, int, void*) { return 0; });
  if (encrypted) {
    return invalid(key + " is protected by a passphrase; store it without one: openssl pkey -in " +
                   key + " -out plain.key");
  }
  const int reason = ERR_GET_REASON(::ERR_peek_last_error());
  const bool mismatch = loaded != 1 ? reason == X509_R_KEY_VALUES_MISMATCH
                                    : ::SSL_CTX_check_private_key(&context) != 1;
  if (mismatch) {
    return invalid("the key " + key + " doesn't belong to the certificate " +
                   settings.certificate_file + "; give the two that were made together");
  }
  if (loaded != 1) {
    return invalid(key + " is no usable private key (" + openssl_words() +
                   "); it must be PEM: -----BEGIN PRIVATE KEY-----");
  }
  return {};
}

Result<void> load_client_rules(SSL_CTX& context, const TlsSettings& settings) {
  if (settings.client_certificate == ClientCertificate::none) return {};
  if (auto readable = check_readable("CA file for client certificates", settings.ca_file);
      !readable) {
    return readable;
  }
  auto* const names = ::SSL_load_client_CA_file(settings.ca_file.c_str());
  if (names == nullptr ||
      ::SSL_CTX_load_verify_locations(&context, settings.ca_file.c_str(), nullptr) != 1) {
    return invalid(settings.ca_file + " holds no usable CA certificate (" + openssl_words() +
                   "); it must be PEM: -----BEGIN CERTIFICATE-----");
  }
  ::SSL_CTX_set_client_CA_list(&context, names);
  int mode = SSL_VERIFY_PEER;
  if (settings.client_certificate == ClientCertificate::required) {
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  ::SSL_CTX_set_verify(&context, mode, nullptr);
  return {};
}

// Only the client's own certificate is looked up: lists of higher authorities seldom exist.
Result<void> load_revoked(SSL_CTX& context, const TlsSettings& settings) {
  if (settings.crl_file.empty()) return {};
  if (auto readable = check_readable("list of revoked certificates", settings.crl_file);
      !readable) {
    return readable;
  }
  X509_STORE* const store = ::SSL_CTX_get_cert_store(&context);
  X509_LOOKUP* const lookup = ::X509_STORE_add_lookup(store, ::X509_LOOKUP_file());
  if (lookup == nullptr ||
      ::X509_load_crl_file(lookup, settings.crl_file.c_str(), X509_FILETYPE_PEM) < 1) {
    return invalid(settings.crl_file + " is no usable list of revoked certificates (" +
                   openssl_words() + "); it must be PEM: -----BEGIN X509 CRL-----");
  }
  ::X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

// TLS 1.3's suites are named TLS_..., the older ones not; OpenSSL takes them through two doors.
Result<void> set_ciphers(SSL_CTX& context, const TlsSettings& settings) {
  std::string suites;
  std::string list;
  for (std::string_view rest = settings.ciphers; !rest.empty();) {
    const std::size_t colon = rest.find(':');
    const std::string_view name = rest.substr(0, colon);
    std::string& to = name.starts_with("TLS_") ? suites : list;
    if (!to.empty()) to += ':';
    to += name;
    rest.remove_prefix(colon == rest.npos ? rest.size() : colon + 1);
  }
  if ((list.empty() || ::SSL_CTX_set_cipher_list(&context, list.c_str()) == 1) &&
      (suites.empty() || ::SSL_CTX_set_ciphersuites(&context, suites.c_str()) == 1)) {
    return {};
  }
  return invalid("no such ciphers: " + settings.ciphers + "; `openssl ciphers -v` lists them");
}

Result<void> set_versions(SSL_CTX& context, const TlsSettings& settings) {
  if (settings.min_version != "1.2" && settings.min_version != "1.3") {
    return invalid("TLS's min_version is 1.2 or 1.3, not " + settings.min_version);
  }
  ::SSL_CTX_set_min_proto_version(&context,
                                  settings.min_version == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION);
  return {};
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::load(const TlsSettings& settings) {
  ::ERR_clear_error();
  ContextPtr context(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free);
  if (!context) return error(ErrorKind::resource_exhausted, "OpenSSL: " + openssl_words());
  // An idle connection keeps no record buffers; a moved write buffer is still the same bytes.
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  for (const auto step : {&set_versions, &set_ciphers, &load_certificate, &load_key,
                          &load_client_rules, &load_revoked, &set_resumption}) {
    if (auto done = step(*context, settings); !done) return Unexpected(done.error());
  }
  return std::unique_ptr<TlsContext>(std::make_unique<OpenSslContext>(std::move(context)));
}

}  // namespace roost::net
