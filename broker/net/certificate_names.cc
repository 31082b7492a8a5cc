// SPDX-License-Identifier: Apache-2.0
#include "broker/net/certificate_names.h"

#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <string>

namespace roost::net {

namespace {

std::string text_of(const ASN1_STRING* value) {
  unsigned char* data = nullptr;
  const int size = ::ASN1_STRING_to_UTF8(&data, value);
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  ::OPENSSL_free(data);
  return text.find('\0') == text.npos ? text : std::string();
}

std::string subject_of(const X509& certificate) {
  const std::unique_ptr<BIO, decltype(&::BIO_free)> text(::BIO_new(::BIO_s_mem()), &::BIO_free);
  ::X509_NAME_print_ex(text.get(), ::X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(std::max(size, 0L))};
}

std::string common_name_of(const X509& certificate) {
  const X509_NAME* const subject = ::X509_get_subject_name(&certificate);
  const int index = ::X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index < 0) return {};
  return text_of(::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, index)));
}

std::string serial_of(const X509& certificate) {
  const std::unique_ptr<BIGNUM, decltype(&::BN_free)> number(
      ::ASN1_INTEGER_to_BN(::X509_get0_serialNumber(&certificate), nullptr), &::BN_free);
  if (number == nullptr) return {};
  char* const text = ::BN_bn2hex(number.get());
  std::string serial = text == nullptr ? "" : text;
  ::OPENSSL_free(text);
  return serial;
}

void read_alternative_names(const X509& certificate, CertificateNames& names) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&::GENERAL_NAMES_free)> all(
      static_cast<GENERAL_NAMES*>(
          ::X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
      &::GENERAL_NAMES_free);
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    int type = 0;
    const void* const value = ::GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all.get(), i), &type);
    std::string* const to = type == GEN_DNS     ? &names.dns
                            : type == GEN_EMAIL ? &names.email
                            : type == GEN_URI   ? &names.uri
                                                : nullptr;
    if (to != nullptr && to->empty()) *to = text_of(static_cast<const ASN1_STRING*>(value));
  }
}

}  // namespace

CertificateNames names_of(const X509& certificate) {
  CertificateNames names;
  names.common_name = common_name_of(certificate);
  names.subject = subject_of(certificate);
  names.serial = serial_of(certificate);
  read_alternative_names(certificate, names);
  return names;
}

}  // namespace roost::net
