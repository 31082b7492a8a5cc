// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/hash_kinds.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <charconv>
#include <utility>

namespace roost::auth {

const HashKind* hash_kind_of(std::string_view encoded) {
  for (const HashKind* kind :
       {&kArgon2id, &kScrypt, &kScramSha256, &kMosquittoSha512, &kMosquittoPbkdf2}) {
    if (encoded.starts_with(kind->prefix)) return kind;
  }
  return nullptr;
}

std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view name, char end) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  std::uint32_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), last, value);
  if (fault != std::errc() || stop == last || *stop != end) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + 1);
  return value;
}

std::optional<std::vector<unsigned char>> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.find_first_not_of(kAlphabet) != std::string_view::npos || text.size() % 4 == 1) {
    return std::nullopt;
  }
  std::string padded(text);
  padded.append((4 - padded.size() % 4) % 4, '=');
  std::vector<unsigned char> bytes(padded.size() / 4 * 3);
  const int size =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(padded.data()),
                      static_cast<int>(padded.size()));
  if (size < 0) return std::nullopt;
  bytes.resize(text.size() * 3 / 4);
  return bytes;
}

bool make_salt(Salt& salt) { return RAND_bytes(salt.data(), static_cast<int>(salt.size())) == 1; }

std::string encode_base64(const unsigned char* bytes, std::size_t size) {
  std::string text((size + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  while (text.ends_with('=')) text.pop_back();
  return text;
}

Unexpected<Error> bad_hash(std::string text) { return error(ErrorKind::corrupt, std::move(text)); }

Unexpected<Error> no_random() {
  return error(ErrorKind::resource_exhausted, "the system gives no random bytes");
}

}  // namespace roost::auth
