// SPDX-License-Identifier: Apache-2.0
#include "broker/net/tls_records.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <string_view>

#include "broker/base/check.h"

namespace roost::net {

struct TlsSuite {
  std::uint16_t number;
  const char* cipher;
  std::size_t key_size;
  const char* digest;
  std::size_t digest_size;
};

namespace {

constexpr TlsSuite kSuites[] = {
    {0x1301, "AES-128-GCM", 16, "SHA256", 32},
    {0x1302, "AES-256-GCM", 32, "SHA384", 48},
    {0x1303, "ChaCha20-Poly1305", 32, "SHA256", 32},
};

constexpr std::size_t kHeader = 5;
constexpr std::size_t kTag = 16;
constexpr std::size_t kContentMax = 16 * 1024;
constexpr std::size_t kSealedMax = kContentMax + 256;
constexpr std::uint64_t kRecordsMax = 1ULL << 23;  // under one key; RFC 8446, 5.5: 2^24.5

constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kApplicationData = 23;
constexpr std::uint8_t kKeyUpdate = 24;
constexpr std::uint8_t kFatal = 2;
constexpr std::uint8_t kCloseNotify = 0;
constexpr std::uint8_t kUnexpectedMessage = 10;
constexpr std::uint8_t kBadRecordMac = 20;
constexpr std::uint8_t kRecordOverflow = 22;
constexpr std::uint8_t kUserCanceled = 90;

using Cipher = std::unique_ptr<EVP_CIPHER, decltype(&::EVP_CIPHER_free)>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&::EVP_CIPHER_CTX_free)>;

std::size_t index_of(const TlsSuite& suite) { return static_cast<std::size_t>(&suite - kSuites); }

const EVP_CIPHER* cipher_of(const TlsSuite& suite) {
  static const std::array<Cipher, std::size(kSuites)> kCiphers = [] {
    const auto fetch = [](const TlsSuite& each) {
      return Cipher(::EVP_CIPHER_fetch(nullptr, each.cipher, nullptr), &::EVP_CIPHER_free);
    };
    return std::array<Cipher, std::size(kSuites)>{fetch(kSuites[0]), fetch(kSuites[1]),
                                                  fetch(kSuites[2])};
  }();
  return kCiphers[index_of(suite)].get();
}

// Holds nothing from one record to the next: every one brings its key.
EVP_CIPHER_CTX* context_of(const TlsSuite& suite) {
  const auto make = [] { return CipherContext(::EVP_CIPHER_CTX_new(), &::EVP_CIPHER_CTX_free); };
  thread_local const std::array<CipherContext, std::size(kSuites)> t_contexts{make(), make(),
                                                                              make()};
  return t_contexts[index_of(suite)].get();
}

// HKDF-Expand-Label without a context, of at most one block. RFC 8446, 7.1
void expand(const TlsSuite& suite, const std::uint8_t* secret, std::string_view label,
            std::uint8_t* to, std::size_t size) {
  std::string info;
  info += '\0';
  info += static_cast<char>(size);
  info += static_cast<char>(6 + label.size());
  info += "tls13 ";
  info += label;
  info += '\0';
  info += '\x01';
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> block;
  unsigned int block_size = 0;
  const EVP_MD* const digest = suite.digest_size == 48 ? ::EVP_sha384() : ::EVP_sha256();
  CHECK(::HMAC(digest, secret, static_cast<int>(suite.digest_size),
               reinterpret_cast<const unsigned char*>(info.data()), info.size(), block.data(),
               &block_size) != nullptr);
  CHECK(size <= block_size);
  std::copy_n(block.begin(), size, to);
  ::OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace

const TlsSuite* find_suite(std::uint16_t number) {
  for (const TlsSuite& suite : kSuites) {
    if (suite.number == number && cipher_of(suite) != nullptr) return &suite;
  }
  return nullptr;
}

TlsRecords::Keys::Keys(const TlsSuite& suite, ByteView secret, std::uint64_t sequence)
    : suite_(suite), sequence_(sequence) {
  CHECK(secret.size() == suite.digest_size);
  std::copy(secret.begin(), secret.end(), secret_.begin());
  derive();
}

TlsRecords::Keys::~Keys() {
  ::OPENSSL_cleanse(secret_.data(), secret_.size());
  ::OPENSSL_cleanse(key_.data(), key_.size());
}

void TlsRecords::Keys::derive() {
  expand(suite_, secret_.data(), "key", key_.data(), suite_.key_size);
  expand(suite_, secret_.data(), "iv", iv_.data(), iv_.size());
}

std::array<std::uint8_t, 12> TlsRecords::Keys::nonce() {
  auto nonce = iv_;
  const std::uint64_t sequence = sequence_++;
  for (std::size_t i = 0; i < sizeof(sequence); ++i) {
    nonce[nonce.size() - 1 - i] ^= static_cast<std::uint8_t>(sequence >> (8 * i));
  }
  return nonce;
}

void TlsRecords::Keys::update() {
  const auto before = secret_;
  expand(suite_, before.data(), "traffic upd", secret_.data(), suite_.digest_size);
  sequence_ = 0;
  derive();
}

TlsRecords::TlsRecords(const TlsSuite& suite, ByteView client_secret, ByteView server_secret,
                       std::uint64_t sent)
    : reading_(suite, client_secret, 0), writing_(suite, server_secret, sent) {}

FilterStatus TlsRecords::from_wire(ByteView wire, FilterOutput& out_app, FilterOutput& out_wire) {
  FilterStatus status = FilterStatus::ok;
  while (!wire.empty() && status == FilterStatus::ok) {
    const std::size_t wanted = std::min(size_of_partial() - partial_.size(), wire.size());
    partial_.insert(partial_.end(), wire.begin(),
                    wire.begin() + static_cast<std::ptrdiff_t>(wanted));
    wire = wire.subspan(wanted);
    const std::size_t size = size_of_partial();
    if (size > kHeader + kSealedMax) {
      return fail(kRecordOverflow, "a record that is too long", out_wire);
    }
    if (partial_.size() < size || size == kHeader) continue;
    status = open(partial_, out_app, out_wire);
    partial_.clear();
  }
  // An idle connection holds no buffer.
  if (partial_.empty()) std::vector<std::uint8_t>().swap(partial_);
  if (std::exchange(owes_update_, false) && status == FilterStatus::ok) update_sending(out_wire);
  return status;
}

// Of the record that begins there, as far as that is known yet.
std::size_t TlsRecords::size_of_partial() const {
  if (partial_.size() < kHeader) return kHeader;
  return kHeader + (static_cast<std::size_t>(partial_[3]) << 8 | partial_[4]);
}

FilterStatus TlsRecords::open(ByteView record, FilterOutput& out_app, FilterOutput& out_wire) {
  if (record[0] != kApplicationData || record.size() < kHeader + kTag + 1) {
    return fail(kUnexpectedMessage, "a record that isn't encrypted", out_wire);
  }
  const ByteView sealed = record.subspan(kHeader, record.size() - kHeader - kTag);
  const ByteView tag = record.last(kTag);
  const std::size_t before = out_app.size();
  out_app.resize(before + sealed.size());
  std::uint8_t* const inner = out_app.data() + before;
  EVP_CIPHER_CTX* const context = context_of(reading_.suite());
  int size = 0;
  const bool is_good = ::EVP_DecryptInit_ex2(context, cipher_of(reading_.suite()), reading_.key(),
                                             reading_.nonce().data(), nullptr) == 1 &&
                       ::EVP_DecryptUpdate(context, nullptr, &size, record.data(), kHeader) == 1 &&
                       ::EVP_DecryptUpdate(context, inner, &size, sealed.data(),
                                           static_cast<int>(sealed.size())) == 1 &&
                       ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTag,
                                             const_cast<std::uint8_t*>(tag.data())) == 1 &&
                       ::EVP_DecryptFinal_ex(context, inner + size, &size) == 1;
  if (!is_good) {
    out_app.resize(before);
    return fail(kBadRecordMac, "decryption failed or bad record mac", out_wire);
  }
  // The content, its type, zeros.
  std::size_t end = sealed.size();
  while (end > 0 && inner[end - 1] == 0) --end;
  const std::uint8_t type = end > 0 ? inner[end - 1] : std::uint8_t{0};
  const std::size_t content_size = end > 0 ? end - 1 : 0;
  if (content_size > kContentMax) {
    out_app.resize(before);
    return fail(kRecordOverflow, "a record that is too long", out_wire);
  }
  if (type == kApplicationData) {
    out_app.resize(before + content_size);
    return FilterStatus::ok;
  }
  const std::vector<std::uint8_t> content(inner, inner + content_size);
  out_app.resize(before);
  if (type == kAlert) return take_alert(content);
  if (type == kHandshake) return take_handshake(content, out_wire);
  return fail(kUnexpectedMessage, "a record of an unknown type", out_wire);
}

FilterStatus TlsRecords::take_alert(ByteView alert) {
  if (alert.size() == 2 && alert[1] == kCloseNotify) return FilterStatus::closed;
  if (alert.size() == 2 && alert[1] == kUserCanceled) return FilterStatus::ok;
  why_ = "the peer sent an alert";
  return FilterStatus::failed;
}

// Clients have nothing else to say: no certificates are asked for any more.
FilterStatus TlsRecords::take_handshake(ByteView message, FilterOutput& out_wire) {
  const bool is_update = message.size() == 5 && message[0] == kKeyUpdate && message[1] == 0 &&
                         message[2] == 0 && message[3] == 1 && message[4] <= 1;
  if (!is_update) return fail(kUnexpectedMessage, "a message out of place", out_wire);
  reading_.update();
  owes_update_ = owes_update_ || message[4] == 1;
  return FilterStatus::ok;
}

FilterStatus TlsRecords::fail(std::uint8_t alert, const char* why, FilterOutput& out_wire) {
  why_ = why;
  const std::array<std::uint8_t, 2> content{kFatal, alert};
  seal(kAlert, content, out_wire);
  return FilterStatus::failed;
}

void TlsRecords::to_wire(ByteView app, FilterOutput& out_wire) {
  while (!app.empty()) {
    const ByteView piece = app.first(std::min(app.size(), kContentMax));
    if (writing_.sequence() >= kRecordsMax) update_sending(out_wire);
    seal(kApplicationData, piece, out_wire);
    app = app.subspan(piece.size());
  }
}

void TlsRecords::end(FilterOutput& out_wire) {
  constexpr std::array<std::uint8_t, 2> kContent{1, kCloseNotify};
  seal(kAlert, kContent, out_wire);
}

void TlsRecords::update_sending(FilterOutput& out_wire) {
  constexpr std::array<std::uint8_t, 5> kMessage{kKeyUpdate, 0, 0, 1, 0};  // not asked in return
  seal(kHandshake, kMessage, out_wire);
  writing_.update();
}

void TlsRecords::seal(std::uint8_t type, ByteView content, FilterOutput& out_wire) {
  const std::size_t sealed_size = content.size() + 1 + kTag;
  const std::size_t before = out_wire.size();
  out_wire.resize(before + kHeader + sealed_size);
  std::uint8_t* const header = out_wire.data() + before;
  header[0] = kApplicationData;
  header[1] = header[2] = 3;
  header[3] = static_cast<std::uint8_t>(sealed_size >> 8);
  header[4] = static_cast<std::uint8_t>(sealed_size);
  std::uint8_t* const to = header + kHeader;
  EVP_CIPHER_CTX* const context = context_of(writing_.suite());
  int size = 0;
  CHECK(::EVP_EncryptInit_ex2(context, cipher_of(writing_.suite()), writing_.key(),
                              writing_.nonce().data(), nullptr) == 1 &&
        ::EVP_EncryptUpdate(context, nullptr, &size, header, kHeader) == 1 &&
        ::EVP_EncryptUpdate(context, to, &size, content.data(), static_cast<int>(content.size())) ==
            1 &&
        ::EVP_EncryptUpdate(context, to + content.size(), &size, &type, 1) == 1 &&
        ::EVP_EncryptFinal_ex(context, to + content.size() + 1, &size) == 1 &&
        ::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTag, to + content.size() + 1) == 1);
}

}  // namespace roost::net
