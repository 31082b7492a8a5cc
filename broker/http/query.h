// SPDX-License-Identifier: Apache-2.0
// What stands in the target of a request: parameters behind '?', and percent-encoded texts.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"

namespace roost::http {

// "%41" -> "A"; nothing where '%' isn't followed by two hex digits. `plus_is_blank`: in queries.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank = false);

class Query {
 public:
  // "a=1&b=x%20y". Errors: invalid_argument.
  static Result<Query> parse(std::string_view text);

  // The first of that name; null: none.
  const std::string* find(std::string_view name) const;
  // All, in their order.
  const std::vector<std::pair<std::string, std::string>>& all() const { return parameters_; }
  // The others.
  Query without(std::string_view name) const;
  // Errors: invalid_argument, with what is allowed.
  Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise, std::uint64_t min,
                               std::uint64_t max) const;
  Result<std::optional<bool>> flag(std::string_view name) const;  // true, false; none
  // Errors: one that isn't in `known`: invalid_argument, so that a typing error isn't "all".
  Result<void> expect_only(const std::vector<std::string_view>& known) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace roost::http
