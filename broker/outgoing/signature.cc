// SPDX-License-Identifier: Apache-2.0
#include "broker/outgoing/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <vector>

#include "broker/base/check.h"

namespace roost::outgoing {

namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<std::string> secret_bytes(std::string_view text) {
  constexpr std::string_view kPrefix = "whsec_";
  if (text.empty()) return error(ErrorKind::invalid_argument, "no secret in the first line");
  if (!text.starts_with(kPrefix)) return std::string(text);
  std::string coded(text.substr(kPrefix.size()));
  const std::size_t end = std::min(coded.find('='), coded.size());
  const bool is_odd = coded.size() % 4 == 1 || coded.find_first_not_of('=', end) != coded.npos;
  coded.resize((coded.size() + 3) / 4 * 4, '=');  // often left out
  std::vector<unsigned char> out(coded.size() / 4 * 3 + 3);
  const int size = EVP_DecodeBlock(out.data(), bytes_of(coded), static_cast<int>(coded.size()));
  // It counts what = stands for.
  const int padding = coded.ends_with("==") ? 2 : coded.ends_with("=") ? 1 : 0;
  if (is_odd || size <= padding) {
    return error(ErrorKind::invalid_argument, "what stands behind whsec_ is no base64");
  }
  return std::string(reinterpret_cast<const char*>(out.data()),
                     static_cast<std::size_t>(size - padding));
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
