// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/rule_set.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "broker/base/glob.h"
#include "broker/mqtt/filter_relation.h"
#include "broker/mqtt/topic.h"

namespace roost::auth {
namespace {

bool any_fits(const Globs& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(), [&](const Glob& g) { return g.fits(name); });
}

bool all_exact(const Globs& globs) {
  return std::all_of(globs.begin(), globs.end(), [](const Glob& g) { return g.is_exact(); });
}

template <typename T>
bool is_sorted_in(const std::vector<T>& sorted, T value) {
  return std::binary_search(sorted.begin(), sorted.end(), value);
}

// Allow rules: the topic must be matched with the client's values. Deny rules: or with what stands
// for values that can't be used.
bool matches_topic(const Rule& rule, const TopicPattern& pattern, const Subject& who,
                   std::string_view topic) {
  if (pattern.matches(topic, who)) return true;
  if (rule.allow || !pattern.widens() || pattern.can_fill(who)) return false;
  const std::string wide = pattern.widened(who);
  return wide.empty() || mqtt::matches(wide, topic);
}

}  // namespace

bool Glob::fits(std::string_view name) const {
  if (!has_star_) return name == text_;
  if (name.empty()) return false;
  return base::glob_matches(text_, name);
}

class RuleSet::Asked {
 public:
  Asked(const RuleSet& set, const Subject& subject) : who(subject) {
    if (const auto found = set.users_.find(std::string_view(who.identity.user_name));
        found != set.users_.end()) {
      user = &found->second;
    }
    if (set.client_ids_.empty()) return;
    if (const auto found = set.client_ids_.find(who.client_id); found != set.client_ids_.end()) {
      by_client_id = found->second;
    }
  }

  bool is_in(const Network& network) const {
    if (network.is_unix) return who.identity.address.empty();
    if (!looked_) address_ = parse_address(who.identity.address);
    looked_ = true;
    return address_ && network.contains(*address_);
  }

  const Subject& who;
  const User* user = nullptr;  // null: the file doesn't name it
  std::span<const Index> by_client_id;

 private:
  mutable std::optional<Address> address_;
  mutable bool looked_ = false;
};

class RuleSet::Candidates {
 public:
  Candidates(const RuleSet& set, const Asked& asked)
      : rules_(set.parts_.rules), lists_{set.general_, {}, asked.by_client_id} {
    if (asked.user != nullptr) lists_[1] = asked.user->rules;
  }

  // Null: no more.
  const Rule* next() {
    std::span<const Index>* first = nullptr;
    for (auto& list : lists_) {
      if (!list.empty() && (first == nullptr || list.front() < first->front())) first = &list;
    }
    if (first == nullptr) return nullptr;
    const Rule* rule = &rules_[first->front()];
    *first = first->subspan(1);
    return rule;
  }

 private:
  const std::vector<Rule>& rules_;
  std::array<std::span<const Index>, 3> lists_;
};

RuleSet::RuleSet(RuleSetParts parts) : parts_(std::move(parts)) {
  CHECK(parts_.rules.size() < std::numeric_limits<Index>::max());
  index_groups();
  index_rules();
  const Rights receive = bit_of(Right::receive);
  asks_on_receive_ = (parts_.allowed_where_no_rule_fits & receive) == 0;
  for (const Rule& rule : parts_.rules) {
    asks_on_receive_ = asks_on_receive_ || (!rule.allow && (rule.rights & receive) != 0);
  }
}

void RuleSet::index_groups() {
  ByName<Index> numbers;
  for (Index i = 0; i < parts_.groups.size(); ++i) {
    const Group& group = parts_.groups[i];
    numbers.emplace(group.name, i);
    if (!all_exact(group.members)) groups_of_shapes_.push_back(i);
    for (const Glob& member : group.members) {
      if (!member.is_exact()) continue;
      Indices& groups = users_[member.text()].groups;
      if (groups.empty() || groups.back() != i) groups.push_back(i);
    }
  }
  for (Rule& rule : parts_.rules) {
    if (!rule.conditions) continue;
    for (GroupName& group : rule.conditions->groups) {
      if (const auto found = numbers.find(group.name); found != numbers.end()) {
        group.number = found->second;
      }
    }
  }
}

void RuleSet::index_rules() {
  const auto add = [](Indices& list, Index i) {
    if (list.empty() || list.back() != i) list.push_back(i);
  };
  for (Index i = 0; i < parts_.rules.size(); ++i) {
    std::unique_ptr<Conditions>& about = parts_.rules[i].conditions;
    if (about && !about->users.empty() && about->groups.empty() && all_exact(about->users)) {
      for (const Glob& user : about->users) add(users_[user.text()].rules, i);
      about->users.clear();
    } else if (about && !about->client_ids.empty() && all_exact(about->client_ids)) {
      for (const Glob& id : about->client_ids) add(client_ids_[id.text()], i);
      about->client_ids.clear();
    } else {
      general_.push_back(i);
    }
    if (about && about->is_empty()) about = nullptr;
  }
}

bool RuleSet::is_in_group(const Asked& asked, const GroupName& group) const {
  const auto& theirs = asked.who.identity.groups;
  if (std::find(theirs.begin(), theirs.end(), group.name) != theirs.end()) return true;
  if (group.number == GroupName::kOnlyTokens) return false;
  if (asked.user != nullptr && is_sorted_in(asked.user->groups, group.number)) return true;
  return is_sorted_in(groups_of_shapes_, group.number) &&
         any_fits(parts_.groups[group.number].members, asked.who.identity.user_name);
}

bool RuleSet::is_about(const Rule& rule, const Asked& asked) const {
  if (!rule.conditions) return true;
  const Conditions& about = *rule.conditions;
  const Identity& identity = asked.who.identity;
  const auto fits = [](const Globs& globs, std::string_view name) {
    return globs.empty() || any_fits(globs, name);
  };
  if (!fits(about.client_ids, asked.who.client_id)) return false;
  if (!fits(about.common_names, identity.certificate_common_name)) return false;
  if (!fits(about.listeners, identity.listener)) return false;
  if (!about.users.empty() || !about.groups.empty()) {
    const bool is_named =
        any_fits(about.users, identity.user_name) ||
        std::any_of(about.groups.begin(), about.groups.end(),
                    [&](const GroupName& group) { return is_in_group(asked, group); });
    if (!is_named) return false;
  }
  return about.networks.empty() ||
         std::any_of(about.networks.begin(), about.networks.end(),
                     [&](const Network& network) { return asked.is_in(network); });
}

RuleSet::Decision RuleSet::by_default(Right right) const {
  return {.allowed = (parts_.allowed_where_no_rule_fits & bit_of(right)) != 0, .right = right};
}

RuleSet::Decision RuleSet::decide(Right right, const Subject& who, std::string_view topic) const {
  const Asked asked(*this, who);
  if (right == Right::subscribe) {
    const Decision by_receive = asks_on_receive_ ? decide_by_receive(asked, topic) : Decision{true};
    if (!by_receive.allowed || parts_.subscribes_by_receive) return by_receive;
    return decide_filter(asked, topic);
  }
  Candidates candidates(*this, asked);
  while (const Rule* rule = candidates.next()) {
    if ((rule->rights & bit_of(right)) == 0) continue;
    // The topic first: most rules are about another one, and it is what costs least.
    for (const TopicPattern& pattern : rule->topics) {
      if (!matches_topic(*rule, pattern, who, topic)) continue;
      if (!is_about(*rule, asked)) break;
      return {rule->allow, rule, &pattern, right};
    }
  }
  return by_default(right);
}

// An allow has to cover the whole filter, a deny only to overlap it: no wildcard gets by.
RuleSet::Decision RuleSet::decide_filter(const Asked& asked, std::string_view filter) const {
  const auto fits = [&](const Rule& rule, const TopicPattern& pattern) {
    const auto own = pattern.filled(asked.who);
    if (rule.allow) return own && mqtt::covers(*own, filter);
    if (own) return mqtt::overlaps(*own, filter);
    const std::string wide = pattern.widened(asked.who);
    return wide.empty() || mqtt::overlaps(wide, filter);
  };
  Candidates candidates(*this, asked);
  while (const Rule* rule = candidates.next()) {
    if ((rule->rights & bit_of(Right::subscribe)) == 0 || !is_about(*rule, asked)) continue;
    for (const TopicPattern& pattern : rule->topics) {
      if (fits(*rule, pattern)) return {rule->allow, rule, &pattern, Right::subscribe};
    }
  }
  return by_default(Right::subscribe);
}

// Whether anything of the filter may be received. Yes by the first allow that has something to
// give: topics that no deny before it takes away whole. No by a deny that takes all.
RuleSet::Decision RuleSet::decide_by_receive(const Asked& asked, std::string_view filter) const {
  std::vector<std::string> denied;
  const auto is_denied = [&](std::string_view part) {
    return std::any_of(denied.begin(), denied.end(),
                       [&](const std::string& deny) { return mqtt::covers(deny, part); });
  };
  Candidates candidates(*this, asked);
  while (const Rule* rule = candidates.next()) {
    if ((rule->rights & bit_of(Right::receive)) == 0 || !is_about(*rule, asked)) continue;
    for (const TopicPattern& pattern : rule->topics) {
      auto own = pattern.filled(asked.who);
      if (!own && !rule->allow && pattern.widens()) own = pattern.widened(asked.who);
      if (!own) continue;
      const Decision decision{rule->allow, rule, &pattern, Right::receive};
      if (rule->allow) {
        const auto common = mqtt::intersection(*own, filter);
        if (common && !is_denied(*common)) return decision;
      } else if (own->empty() || mqtt::covers(*own, filter)) {
        return decision;
      } else {
        denied.push_back(std::move(*own));
      }
    }
  }
  return by_default(Right::receive);
}

bool RuleSet::allows(Right right, const Subject& who, std::string_view topic) const {
  return decide(right, who, topic).allowed;
}

// An allow rule that would be about this, were there a value that can stand in a topic.
const Rule* RuleSet::missed(Right right, const Subject& who, std::string_view topic) const {
  const Asked asked(*this, who);
  Candidates candidates(*this, asked);
  while (const Rule* rule = candidates.next()) {
    if (!rule->allow || (rule->rights & bit_of(right)) == 0 || !is_about(*rule, asked)) continue;
    for (const TopicPattern& pattern : rule->topics) {
      if (!pattern.widens() || pattern.can_fill(who)) continue;
      const std::string wide = pattern.widened(who);
      if (wide.empty() || mqtt::covers(wide, topic)) return rule;
    }
  }
  return nullptr;
}

Rules::Explanation RuleSet::explain(Right right, const Subject& who, std::string_view topic) const {
  const Decision decision = decide(right, who, topic);
  const std::string verdict = decision.allowed ? "allow" : "deny";
  const auto place = [&](const Rule& rule) {
    return parts_.name + ":" + std::to_string(rule.line);
  };
  if (decision.rule == nullptr) {
    std::string why = "no rule of " + parts_.name + " fits: " + verdict;
    const Rule* rule = decision.allowed ? nullptr : missed(right, who, topic);
    if (rule != nullptr) why += " (" + place(*rule) + " has no value that can stand in a topic)";
    return {decision.allowed, std::move(why)};
  }
  std::string why = place(*decision.rule) + ": " + verdict + " " +
                    std::string(to_text(decision.right)) + " on " +
                    std::string(decision.topic->text());
  if (!decision.allowed && decision.topic->widens() && !decision.topic->can_fill(who)) {
    why += " (a value can't stand in a topic: everything from its level on)";
  }
  return {decision.allowed, std::move(why)};
}

}  // namespace roost::auth
