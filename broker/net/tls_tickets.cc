// SPDX-License-Identifier: Apache-2.0
#include "broker/net/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "broker/base/check.h"
#include "broker/base/file.h"
#include "broker/net/ticket_keys.h"

namespace roost::net {

namespace {

using SharedKeys = std::shared_ptr<const TicketKeys>;
constexpr std::uint64_t kRevokedMax = 256ULL * 1024 * 1024;

void free_keys(void*, void* keys, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<SharedKeys*>(keys);
}

// Where a context keeps its keys.
int keys_index() {
  static const int kIndex =
      ::CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, nullptr, nullptr, &free_keys);
  CHECK(kIndex >= 0);
  return kIndex;
}

bool set_mac(EVP_MAC_CTX* mac, TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      ::OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      ::OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      ::OSSL_PARAM_construct_end()};
  return ::EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// As OpenSSL asks for it: -1 failed, 0 no such key, 1 good, 2 good but to be renewed.
int choose_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
               EVP_MAC_CTX* mac, int encrypt) {
  const TicketKeys& keys =
      **static_cast<const SharedKeys*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(ssl), keys_index()));
  if (encrypt == 1) {
    TicketKey key = keys.current();
    std::copy(key.name.begin(), key.name.end(), name);
    const bool good =
        ::RAND_bytes(iv, ::EVP_CIPHER_get_iv_length(::EVP_aes_256_cbc())) == 1 &&
        ::EVP_EncryptInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv) == 1 &&
        set_mac(mac, key);
    return good ? 1 : -1;
  }
  auto found = keys.find(std::span<const std::uint8_t, 16>(name, 16));
  if (!found) return 0;
  if (::EVP_DecryptInit_ex(cipher, ::EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) !=
          1 ||
      !set_mac(mac, found->key)) {
    return -1;
  }
  return found->is_current ? 1 : 2;
}

// The certificate was good when the ticket was made, which may be half a day ago.
SSL_TICKET_RETURN look_at_certificate(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
                                      SSL_TICKET_STATUS status, void*) {
  const bool is_good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!is_good) return SSL_TICKET_RETURN_IGNORE_RENEW;
  const X509* const peer = ::SSL_SESSION_get0_peer(session);
  if (peer != nullptr && ::X509_cmp_current_time(::X509_get0_notAfter(peer)) <= 0) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

// A digest of what decides about client certificates.
Result<void> set_session_context(SSL_CTX& context, const TlsSettings& settings) {
  std::string rules = "roost " + std::to_string(static_cast<int>(settings.client_certificate));
  if (settings.client_certificate != ClientCertificate::none) {
    for (const std::string& path : {settings.ca_file, settings.crl_file}) {
      if (path.empty()) {
        rules += " none";
        continue;
      }
      auto text = base::read_file(path, kRevokedMax);
      if (!text) return Unexpected(text.error());
      rules += ' ' + std::to_string(text->size()) + ' ' + *text;
    }
  }
  std::array<unsigned char, SSL_MAX_SID_CTX_LENGTH> digest{};
  unsigned int size = 0;
  CHECK(::EVP_Digest(rules.data(), rules.size(), digest.data(), &size, ::EVP_sha256(), nullptr) ==
        1);
  CHECK(::SSL_CTX_set_session_id_context(&context, digest.data(), size) == 1);
  return {};
}

}  // namespace

Result<void> set_resumption(SSL_CTX& context, const TlsSettings& settings) {
  // Tickets are kept by the clients; a cache here would cost memory and a lock between cores.
  ::SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(&context, 1);
  ::SSL_CTX_set_timeout(&context, static_cast<long>(TicketKeys::kPeriodMs / 1000));
  ::SSL_CTX_set_session_ticket_cb(&context, nullptr, &look_at_certificate, nullptr);
  if (settings.tickets != nullptr) {
    CHECK(::SSL_CTX_set_ex_data(&context, keys_index(), new SharedKeys(settings.tickets)) == 1);
    CHECK(::SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &choose_key) == 1);
  }
  return set_session_context(context, settings);
}

}  // namespace roost::net
