// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <vector>

#include "broker/base/check.h"

namespace roost::outgoing {

namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string secret_bytes(std::string_view text) {
  constexpr std::string_view kPrefix = "whsec_";
  if (!text.starts_with(kPrefix)) return std::string(text);
  const std::string_view coded = text.substr(kPrefix.size());
  std::vector<unsigned char> out(coded.size() / 4 * 3 + 3);
  const int size = EVP_DecodeBlock(out.data(), bytes_of(coded), static_cast<int>(coded.size()));
  if (size < 0) return std::string(text);
  // It counts what = stands for.
  const auto padding = coded.ends_with("==") ? 2 : coded.ends_with("=") ? 1 : 0;
  return {reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(size - padding)};
}

std::string webhook_signature(std::string_view secret, std::string_view id, std::int64_t seconds,
                              std::string_view body) {
  std::string text(id);
  text += "." + std::to_string(seconds) + ".";
  text += body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* const done = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                                bytes_of(text), text.size(), digest.data(), &size);
  CHECK(done != nullptr);
  std::array<unsigned char, 4 * (EVP_MAX_MD_SIZE / 3 + 1) + 1> coded{};
  const int length = EVP_EncodeBlock(coded.data(), digest.data(), static_cast<int>(size));
  return "v1," +
         std::string(reinterpret_cast<const char*>(coded.data()), static_cast<std::size_t>(length));
}

}  // namespace roost::outgoing
