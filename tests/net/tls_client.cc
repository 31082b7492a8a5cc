// SPDX-License-Identifier: Apache-2.0
#include "tests/net/tls_client.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <fstream>

namespace roost::net {

namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  ::BIO_free(bio);
  return text;
}

}  // namespace

Identity make_identity(std::string_view common_name, const Identity* issuer) {
  Identity made;
  made.key.reset(::EVP_EC_gen("P-256"));
  made.certificate.reset(::X509_new());
  X509* const x509 = made.certificate.get();
  ::X509_set_version(x509, X509_VERSION_3);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(x509), static_cast<long>(common_name.size()) + 1);
  ::X509_gmtime_adj(::X509_getm_notBefore(x509), -60);
  ::X509_gmtime_adj(::X509_getm_notAfter(x509), 3600);
  ::X509_set_pubkey(x509, made.key.get());
  X509_NAME* const name = ::X509_get_subject_name(x509);
  ::X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>("Roost"), -1, -1, 0);
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.data()),
                               static_cast<int>(common_name.size()), -1, 0);
  const Identity& signer = issuer != nullptr ? *issuer : made;
  ::X509_set_issuer_name(x509, ::X509_get_subject_name(signer.certificate.get()));
  if (issuer == nullptr) {
    X509_EXTENSION* const extension =
        ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
    ::X509_add_ext(x509, extension, -1);
    ::X509_EXTENSION_free(extension);
  }
  EXPECT_GT(::X509_sign(x509, signer.key.get(), ::EVP_sha256()), 0);
  return made;
}

std::string pem_of(const X509& certificate) {
  BIO* const bio = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_X509(bio, &certificate);
  return text_of(bio);
}

std::string pem_of(EVP_PKEY& key, const char* passphrase) {
  BIO* const bio = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_PKCS8PrivateKey(bio, &key, passphrase != nullptr ? ::EVP_aes_128_cbc() : nullptr,
                                  nullptr, 0, nullptr, const_cast<char*>(passphrase));
  return text_of(bio);
}

CertificateFolder::CertificateFolder()
    : authority_(make_identity("Test CA")), server_(make_identity("localhost", &authority_)) {
  std::string name = std::filesystem::temp_directory_path() / "roost-tls-XXXXXX";
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
  write("ca.pem", pem_of(*authority_.certificate));
  write("server.pem", pem_of(*server_.certificate));
  write("server.key", pem_of(*server_.key));
}

CertificateFolder::~CertificateFolder() { std::filesystem::remove_all(folder_); }

std::string CertificateFolder::write(const std::string& name, std::string_view text) const {
  std::ofstream(path(name), std::ios::binary) << text;
  return path(name);
}

TlsSettings CertificateFolder::server(ClientCertificate client_certificate) const {
  TlsSettings settings;
  settings.certificate_file = path("server.pem");
  settings.key_file = path("server.key");
  settings.ca_file = path("ca.pem");
  settings.client_certificate = client_certificate;
  return settings;
}

TlsClient::TlsClient(const Identity* identity, int version)
    : context_(::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free), ssl_(nullptr, &::SSL_free) {
  ::SSL_CTX_set_min_proto_version(context_.get(), version);
  ::SSL_CTX_set_max_proto_version(context_.get(), version);
  if (identity != nullptr) {
    ::SSL_CTX_use_certificate(context_.get(), identity->certificate.get());
    ::SSL_CTX_use_PrivateKey(context_.get(), identity->key.get());
  }
  ssl_.reset(::SSL_new(context_.get()));
  ::SSL_set_bio(ssl_.get(), ::BIO_new(::BIO_s_mem()), ::BIO_new(::BIO_s_mem()));
  ::SSL_set_connect_state(ssl_.get());
}

std::string TlsClient::exchange(std::string_view from_server) {
  ::ERR_clear_error();
  ::BIO_write(::SSL_get_rbio(ssl_.get()), from_server.data(), static_cast<int>(from_server.size()));
  int result = ::SSL_do_handshake(ssl_.get());
  while (result == 1) {
    std::array<char, 4096> buffer;
    std::size_t size = 0;
    result = ::SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
    received_.append(buffer.data(), size);
  }
  const int why = ::SSL_get_error(ssl_.get(), result);
  closed_ = closed_ || why == SSL_ERROR_ZERO_RETURN;
  failed_ = failed_ || why == SSL_ERROR_SSL;
  return take_output();
}

std::string TlsClient::write(std::string_view text) {
  std::size_t size = 0;
  EXPECT_EQ(::SSL_write_ex(ssl_.get(), text.data(), text.size(), &size), 1);
  EXPECT_EQ(size, text.size());
  return take_output();
}

std::string TlsClient::end() {
  ::SSL_shutdown(ssl_.get());
  return take_output();
}

std::string TlsClient::take_output() {
  std::string out;
  std::array<char, 4096> buffer;
  for (;;) {
    const int got =
        ::BIO_read(::SSL_get_wbio(ssl_.get()), buffer.data(), static_cast<int>(buffer.size()));
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace roost::net
