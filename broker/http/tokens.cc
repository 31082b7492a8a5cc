// SPDX-License-Identifier: Apache-2.0
#include "broker/http/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "broker/base/check.h"
#include "broker/base/file.h"

namespace roost::http {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

}  // namespace

Result<void> check_token(std::string_view token) {
  const auto bad = [](std::string text) {
    return error(ErrorKind::invalid_argument, std::move(text));
  };
  if (token.size() < kTokenMin) return bad("a token has at least 16 characters");
  if (token.size() > kTokenMax) return bad("a token has at most 4096 characters");
  const bool is_plain =
      std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (!is_plain) return bad("a token is of ASCII letters, digits and signs, without blanks");
  return {};
}

Tokens::Digest Tokens::digest_of(std::string_view token) {
  Digest digest{};
  unsigned int size = 0;
  CHECK(EVP_Digest(token.data(), token.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  CHECK(size == digest.size());
  return digest;
}

Result<Tokens> Tokens::parse(std::string_view text, const std::string& file_name) {
  Tokens tokens;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto checked = tokens.digests_.size() < kTokensMax
                             ? check_token(line)
                             : error(ErrorKind::invalid_argument, "there are at most 1000 tokens");
    if (!checked) {
      return error(ErrorKind::invalid_argument,
                   file_name + ":" + std::to_string(number) + ": " + checked.error().message);
    }
    tokens.add(line);
  }
  if (tokens.empty()) {
    return error(
        ErrorKind::invalid_argument,
        file_name + ": there is no token in it; one a line, e.g. of: openssl rand -hex 32");
  }
  return tokens;
}

Result<Tokens> Tokens::read(const std::string& path) {
  auto text = base::read_file(path);
  if (!text) return Unexpected(std::move(text).error());
  auto tokens = parse(*text, path);
  OPENSSL_cleanse(text->data(), text->size());
  return tokens;
}

void Tokens::add(std::string_view token) { digests_.push_back(digest_of(token)); }

bool Tokens::contains(std::string_view token) const {
  const Digest asked = digest_of(token);
  int found = 0;
  for (const Digest& own : digests_) {
    found |= static_cast<int>(CRYPTO_memcmp(own.data(), asked.data(), own.size()) == 0);
  }
  return found != 0;
}

}  // namespace roost::http
