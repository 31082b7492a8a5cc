// SPDX-License-Identifier: Apache-2.0
// Which class of clients one belongs to, for metrics: by pattern of its client id, its user name or
// the common name of its certificate. Found once, when its session begins; the first that fits
// counts.
// Thread: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/identity.h"
#include "broker/base/result.h"
#include "broker/session/counters.h"

namespace roost::gates {

struct ClientClassRule {
  enum class By : std::uint8_t { client_id, user, certificate };
  std::string name;
  By by = By::client_id;
  std::string pattern;  // "*" stands for any number of characters, also none
};

// "NAME=client_id:PATTERN", "NAME=user:PATTERN" or "NAME=certificate:PATTERN". NAME: up to 40
// letters, digits, "_" and "-", but not "other". Errors: invalid_argument: what is wrong with it.
Result<ClientClassRule> parse_class_rule(std::string_view text);

class ClientClasses {
 public:
  ClientClasses() = default;
  // Rules of one name are one class. Requires: at most kClientClassesMax names.
  explicit ClientClasses(std::vector<ClientClassRule> rules);

  // By index; of those that are in none: kOther, under session::kClientClassesMax.
  const std::vector<std::string>& names() const { return names_; }
  static constexpr const char* kOther = "other";
  // `identity`: as it was let in; may be null.
  session::ClientClass find(std::string_view client_id, const auth::Identity* identity) const;

 private:
  std::vector<ClientClassRule> rules_;
  std::vector<session::ClientClass> classes_;  // of rules_
  std::vector<std::string> names_;
};

}  // namespace roost::gates
