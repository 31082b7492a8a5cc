// SPDX-License-Identifier: Apache-2.0
#include "tests/auth/tokens.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>

namespace roost::auth {

namespace {

TestKey owned(EVP_PKEY* key) {
  EXPECT_NE(key, nullptr);
  return {key, &::EVP_PKEY_free};
}

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string padded(const BIGNUM& number, int size) {
  std::string text(static_cast<std::size_t>(size), '\0');
  EXPECT_EQ(::BN_bn2binpad(&number, reinterpret_cast<unsigned char*>(text.data()), size), size);
  return text;
}

// Two numbers of fixed size, not ASN.1. [RFC 7518, 3.4]
std::string raw_ecdsa(std::string_view der, int size) {
  const unsigned char* at = bytes(der);
  ECDSA_SIG* const signature = ::d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string raw = padded(*::ECDSA_SIG_get0_r(signature), size);
  raw += padded(*::ECDSA_SIG_get0_s(signature), size);
  ::ECDSA_SIG_free(signature);
  return raw;
}

std::string number_of(const TestKey& key, const char* name, int size = 0) {
  BIGNUM* number = nullptr;
  EXPECT_EQ(::EVP_PKEY_get_bn_param(key.get(), name, &number), 1) << name;
  const std::string text = padded(*number, size != 0 ? size : BN_num_bytes(number));
  ::BN_free(number);
  return encode_base64url(text);
}

std::string text_to_sign(std::string_view header, std::string_view payload) {
  return encode_base64url(header) + "." + encode_base64url(payload);
}

std::string quoted(std::string_view name, std::string_view value) {
  return "\"" + std::string(name) + "\":\"" + std::string(value) + "\"";
}

}  // namespace

TestKey rsa_key(unsigned bits) { return owned(::EVP_RSA_gen(bits)); }
TestKey ec_key(const char* curve) { return owned(::EVP_EC_gen(curve)); }

std::string public_pem(const TestKey& key) {
  BIO* const bio = ::BIO_new(::BIO_s_mem());
  EXPECT_EQ(::PEM_write_bio_PUBKEY(bio, key.get()), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  ::BIO_free(bio);
  return text;
}

std::string encode_base64url(std::string_view text) {
  std::string out(text.size() / 3 * 4 + 5, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes(text),
                                     static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

std::string sign(std::string_view header, std::string_view payload, std::string_view secret) {
  const std::string text = text_to_sign(header, payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes(text), text.size(),
         digest.data(), &size);
  return text + "." + encode_base64url({reinterpret_cast<char*>(digest.data()), size});
}

std::string sign(std::string_view header, std::string_view payload, const TestKey& key) {
  const std::string text = text_to_sign(header, payload);
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(),
                                                                          &::EVP_MD_CTX_free);
  EXPECT_EQ(::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, key.get()), 1);
  std::string signature(1024, '\0');
  std::size_t size = signature.size();
  EXPECT_EQ(::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                             &size, bytes(text), text.size()),
            1);
  signature.resize(size);
  if (::EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC) {
    signature = raw_ecdsa(signature, (::EVP_PKEY_get_bits(key.get()) + 7) / 8);
  }
  return text + "." + encode_base64url(signature);
}

std::string jwk_of(const TestKey& key, std::string_view id, std::string_view more) {
  std::string text = "{" + quoted("kid", id);
  if (::EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) {
    text += "," + quoted("kty", "RSA") + "," + quoted("n", number_of(key, OSSL_PKEY_PARAM_RSA_N)) +
            "," + quoted("e", number_of(key, OSSL_PKEY_PARAM_RSA_E));
  } else {
    const int bits = ::EVP_PKEY_get_bits(key.get());
    const int size = (bits + 7) / 8;
    text += "," + quoted("kty", "EC") + "," + quoted("crv", "P-" + std::to_string(bits)) + "," +
            quoted("x", number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, size)) + "," +
            quoted("y", number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, size));
  }
  return text + std::string(more) + "}";
}

std::string jwk_of(std::string_view secret, std::string_view id, std::string_view more) {
  return "{" + quoted("kty", "oct") + "," + quoted("kid", id) + "," +
         quoted("k", encode_base64url(secret)) + std::string(more) + "}";
}

std::string jwks_of(std::initializer_list<std::string> keys) {
  std::string text = "{\"keys\":[";
  for (const std::string& key : keys) text += (text.ends_with('[') ? "" : ",") + key;
  return text + "]}";
}

AuthRequest bearer(std::string token, std::string client_id) {
  AuthRequest request;
  request.client_id = std::move(client_id);
  request.user_name = "whatever";
  request.password = std::move(token);
  request.address = "192.0.2.7";
  request.listener = "outside";
  return request;
}

}  // namespace roost::auth
