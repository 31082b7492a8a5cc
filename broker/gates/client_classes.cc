// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/client_classes.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/base/glob.h"

namespace roost::gates {

namespace {

constexpr std::size_t kNameMax = 40;

bool is_name(std::string_view text) {
  static constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !text.empty() && text.size() <= kNameMax &&
         text.find_first_not_of(kLetters) == std::string_view::npos;
}

struct Word {
  std::string_view text;
  ClientClassRule::By by;
};
constexpr Word kWords[] = {{"client_id", ClientClassRule::By::client_id},
                           {"user", ClientClassRule::By::user},
                           {"certificate", ClientClassRule::By::certificate}};

std::string_view text_for(ClientClassRule::By by, std::string_view client_id,
                          const auth::Identity* identity) {
  if (by == ClientClassRule::By::client_id) return client_id;
  if (identity == nullptr) return {};
  return by == ClientClassRule::By::user ? std::string_view(identity->user_name)
                                         : std::string_view(identity->certificate_common_name);
}

}  // namespace

Result<ClientClassRule> parse_class_rule(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return error(ErrorKind::invalid_argument,
                 "\"" + std::string(text) + "\": " + std::string(what) +
                     "; a class is NAME=client_id:PATTERN, NAME=user:PATTERN or "
                     "NAME=certificate:PATTERN, e.g. sensors=client_id:sensor-*");
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return wrong("there is no \"=\"");
  ClientClassRule rule;
  rule.name = text.substr(0, equals);
  if (!is_name(rule.name)) {
    return wrong("a name is 1 to 40 letters, digits, \"_\" or \"-\"");
  }
  if (rule.name == ClientClasses::kOther) return wrong("\"other\" are those in no class");
  const std::string_view rest = text.substr(equals + 1);
  const std::size_t colon = rest.find(':');
  const auto word = std::find_if(std::begin(kWords), std::end(kWords), [&](const Word& one) {
    return one.text == rest.substr(0, colon);
  });
  if (colon == std::string_view::npos || word == std::end(kWords)) {
    return wrong("what the pattern is for is not one of client_id, user, certificate");
  }
  rule.by = word->by;
  rule.pattern = rest.substr(colon + 1);
  if (rule.pattern.empty()) return wrong("the pattern is empty");
  return rule;
}

ClientClasses::ClientClasses(std::vector<ClientClassRule> rules) : rules_(std::move(rules)) {
  for (const ClientClassRule& rule : rules_) {
    const auto found = std::find(names_.begin(), names_.end(), rule.name);
    classes_.push_back(static_cast<session::ClientClass>(found - names_.begin()));
    if (found == names_.end()) names_.push_back(rule.name);
  }
  CHECK(names_.size() <= session::kClientClassesMax);
}

// What isn't there, a user name of an anonymous client, fits nothing, not even "*".
session::ClientClass ClientClasses::find(std::string_view client_id,
                                         const auth::Identity* identity) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const std::string_view text = text_for(rules_[i].by, client_id, identity);
    if (!text.empty() && base::glob_matches(rules_[i].pattern, text)) return classes_[i];
  }
  return session::kClientClassesMax;
}

}  // namespace roost::gates
