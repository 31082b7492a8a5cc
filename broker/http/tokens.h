// SPDX-License-Identifier: Apache-2.0
// The bearer tokens that open the API, kept as digests. Several are good at once, so that one can
// be replaced by another without a gap.
// Thread: any thread (immutable).
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace roost::http {

inline constexpr std::size_t kTokenMin = 16;
inline constexpr std::size_t kTokenMax = 4096;
inline constexpr std::size_t kTokensMax = 1000;

// Errors: invalid_argument; says what is wrong, never the token.
Result<void> check_token(std::string_view token);

class Tokens {
 public:
  // One token a line; # comments and empty lines are left out. Errors name `file_name` and the
  // line.
  static Result<Tokens> parse(std::string_view text, const std::string& file_name);
  static Result<Tokens> read(const std::string& path);

  // Requires: check_token() is content.
  void add(std::string_view token);
  // Compares with all of them, in constant time.
  bool contains(std::string_view token) const;
  bool empty() const { return digests_.empty(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest_of(std::string_view token);

  std::vector<Digest> digests_;
};

}  // namespace roost::http
