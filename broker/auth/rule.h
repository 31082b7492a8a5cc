// SPDX-License-Identifier: Apache-2.0
// One rule, as a file's reader hands it over: whom it is about, what, and where it stands.
// Thread: any thread (immutable once made).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/auth/network.h"
#include "broker/auth/rules.h"
#include "broker/auth/topic_pattern.h"

namespace roost::auth {

// A name, or with stars a shape of names; a star is any number of bytes. Only the exact empty name
// is the one of who has none: "*" is everybody with a name.
class Glob {
 public:
  static Glob exact(std::string_view text) { return {text, false}; }
  static Glob parse(std::string_view text) {
    return {text, text.find('*') != std::string_view::npos};
  }
  bool fits(std::string_view name) const;
  bool is_exact() const { return !has_star_; }
  const std::string& text() const { return text_; }

 private:
  Glob(std::string_view text, bool has_star) : text_(text), has_star_(has_star) {}
  std::string text_;
  bool has_star_;
};

using Globs = std::vector<Glob>;

// A set of rights, a bit each.
using Rights = std::uint8_t;
inline constexpr Rights bit_of(Right right) {
  return static_cast<Rights>(1u << static_cast<unsigned>(right));
}
inline constexpr Rights kAllRights = 0b1111;

struct GroupName {
  static constexpr std::uint32_t kOnlyTokens = 0xFFFFFFFF;  // no group of the file
  std::string name;
  std::uint32_t number = kOnlyTokens;  // among the file's groups; RuleSet finds it
};

// Of each kind that says something one entry must fit; users and groups are one kind.
struct Conditions {
  Globs users;                    // the exact "": who has no user name
  std::vector<GroupName> groups;  // of the file or of the identity
  Globs client_ids, common_names, listeners;
  std::vector<Network> networks;

  bool is_empty() const {
    return users.empty() && groups.empty() && client_ids.empty() && common_names.empty() &&
           listeners.empty() && networks.empty();
  }
};

struct Rule {
  std::vector<TopicPattern> topics;
  std::unique_ptr<Conditions> conditions;  // null: about everybody
  std::uint32_t line = 0;                  // from 1
  Rights rights = 0;
  bool allow = false;
};

struct Group {
  std::string name;
  Globs members;
};

}  // namespace roost::auth
