// SPDX-License-Identifier: Apache-2.0
// Certificates made on the spot, and a TLS client in memory.
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "broker/net/settings.h"

namespace roost::net {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;
using CertificatePtr = std::unique_ptr<X509, decltype(&::X509_free)>;

struct Identity {
  KeyPtr key{nullptr, &::EVP_PKEY_free};
  CertificatePtr certificate{nullptr, &::X509_free};
};

// Signed by `issuer`, or by itself where that is null. `common_name` may hold any byte.
Identity make_identity(std::string_view common_name, const Identity* issuer = nullptr);

// A folder of PEM files that goes with the object.
class CertificateFolder {
 public:
  CertificateFolder();
  ~CertificateFolder();
  CertificateFolder(const CertificateFolder&) = delete;
  CertificateFolder& operator=(const CertificateFolder&) = delete;

  std::string path(const std::string& name) const { return folder_ / name; }
  // Settings of a server with a certificate of this folder's CA.
  TlsSettings server(ClientCertificate client_certificate = ClientCertificate::none) const;
  const Identity& authority() const { return authority_; }
  std::string write(const std::string& name, std::string_view text) const;

 private:
  std::filesystem::path folder_;
  Identity authority_;
  Identity server_;
};

std::string pem_of(const X509& certificate);
std::string pem_of(EVP_PKEY& key, const char* passphrase = nullptr);

class TlsClient {
 public:
  // `identity` may be null. `version`: TLS1_2_VERSION or TLS1_3_VERSION, the only one spoken.
  explicit TlsClient(const Identity* identity = nullptr, int version = TLS1_3_VERSION);

  // Takes what the server sent, returns what is to be sent to it.
  std::string exchange(std::string_view from_server);
  std::string write(std::string_view text);
  std::string end();
  bool connected() const { return ::SSL_is_init_finished(ssl_.get()) == 1; }
  bool failed() const { return failed_; }
  bool was_closed() const { return closed_; }
  const std::string& received() const { return received_; }
  SSL* ssl() { return ssl_.get(); }

 private:
  std::string take_output();
  std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&::SSL_free)> ssl_;
  std::string received_;
  bool failed_ = false;
  bool closed_ = false;
};

}  // namespace roost::net
