// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwt_keys.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

#include "broker/base/check.h"

namespace roost::auth {

namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

Unexpected<Error> invalid(std::string message) {
  return error(ErrorKind::invalid_argument, std::move(message));
}

bool is_p256(const EVP_PKEY& key) {
  std::array<char, 64> name{};
  std::size_t size = 0;
  if (::EVP_PKEY_get_group_name(&key, name.data(), name.size(), &size) != 1) return false;
  return std::string_view(name.data(), size) == "prime256v1";
}

std::string pem_of(EVP_PKEY& key) {
  const BioPtr bio(::BIO_new(::BIO_s_mem()), &::BIO_free);
  CHECK(bio && ::PEM_write_bio_PUBKEY(bio.get(), &key) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

JwtKey key_of(JwtAlgorithm algorithm, std::string_view material) {
  JwtKey key;
  key.algorithm = algorithm;
  key.material = material;
  return key;
}

}  // namespace

std::string_view to_text(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::hs256:
      return "HS256";
    case JwtAlgorithm::rs256:
      return "RS256";
    case JwtAlgorithm::es256:
      return "ES256";
  }
  return {};
}

Result<JwtKey> make_secret_key(std::string_view bytes) {
  // Whoever has the public key, which is everybody, could sign with it.
  if (bytes.find("-----BEGIN ") != bytes.npos) {
    return invalid("a key in PEM is no secret for HS256; set RS256 or ES256 for a public key");
  }
  if (bytes.size() < kSecretBytesMin) {
    return invalid("a secret of " + std::to_string(bytes.size()) + " bytes is too short, HS256 " +
                   "needs " + std::to_string(kSecretBytesMin) + ": openssl rand -hex 32");
  }
  return key_of(JwtAlgorithm::hs256, bytes);
}

Result<JwtKey> make_public_key(EVP_PKEY& key) {
  const int bits = ::EVP_PKEY_get_bits(&key);
  switch (::EVP_PKEY_get_base_id(&key)) {
    case EVP_PKEY_RSA:
      if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
        return invalid("an RSA key of " + std::to_string(bits) + " bits; it must have " +
                       std::to_string(kRsaBitsMin) + " to " + std::to_string(kRsaBitsMax));
      }
      return key_of(JwtAlgorithm::rs256, pem_of(key));
    case EVP_PKEY_EC:
      if (!is_p256(key)) return invalid("an EC key that isn't on P-256, the curve of ES256");
      return key_of(JwtAlgorithm::es256, pem_of(key));
    default:
      return invalid("a key that is neither RSA nor EC");
  }
}

Result<JwtKey> read_public_key(std::string_view pem) {
  const BioPtr bio(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &::BIO_free);
  // Without a callback OpenSSL would ask for a passphrase on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const KeyPtr key(
      bio ? ::PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr) : nullptr,
      &::EVP_PKEY_free);
  ::ERR_clear_error();
  if (!key) {
    return invalid(
        "no public key in PEM (-----BEGIN PUBLIC KEY-----); of a private one make it with "
        "openssl pkey -pubout, of a certificate with openssl x509 -pubkey -noout");
  }
  return make_public_key(*key);
}

JwtKeys::JwtKeys(std::vector<JwtKey> keys, bool by_id) : keys_(std::move(keys)), by_id_(by_id) {
  CHECK(by_id_ || keys_.size() == 1);
}

JwtKeys::~JwtKeys() {
  for (JwtKey& key : keys_) OPENSSL_cleanse(key.material.data(), key.material.size());
}

const JwtKey* JwtKeys::find(JwtAlgorithm algorithm, const std::optional<std::string>& id) const {
  const JwtKey* found = nullptr;
  for (const JwtKey& key : keys_) {
    if (key.algorithm != algorithm) continue;
    if (by_id_ && id && key.id != *id) continue;
    if (found != nullptr) return nullptr;
    found = &key;
  }
  return found;
}

}  // namespace roost::auth
