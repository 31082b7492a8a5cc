// SPDX-License-Identifier: Apache-2.0
#include "broker/session/topic_alias.h"

#include "broker/base/check.h"

namespace roost::session {

void TopicAliasIn::learn(std::uint16_t alias, std::string_view topic) {
  DCHECK(alias > 0);
  if (topics_.size() < alias) topics_.resize(alias);
  topics_[alias - 1U] = topic;
}

std::string_view TopicAliasIn::resolve(std::uint16_t alias) const {
  return alias == 0 || alias > topics_.size() ? std::string_view() : topics_[alias - 1U];
}

TopicAliasOut::Choice TopicAliasOut::choose(std::string_view topic) {
  const auto at = aliases_.find(std::string(topic));
  if (at != aliases_.end()) return {at->second, true};
  if (aliases_.size() >= maximum_) return {};
  const auto alias = static_cast<std::uint16_t>(aliases_.size() + 1);
  aliases_.emplace(topic, alias);
  return {alias, false};
}

}  // namespace roost::session
