// SPDX-License-Identifier: Apache-2.0
#include "broker/gates/client_access.h"

#include <algorithm>
#include <utility>

namespace roost::gates {

namespace {

constexpr std::string_view kNothing = "{rules: []}";
constexpr std::uint64_t kNeverS = 100'000'000'000;  // the year 5138

auth::RulesPtr read_own(const auth::Identity& identity, observe::RateBoundLog& log,
                        SteadyMs now_ms) {
  auto own = auth::parse_rules(identity.own_rules, "the token's rules");
  if (own) return *std::move(own);
  log.write(LogLevel::warn,
            "user " + identity.user_name + " may do nothing: " + own.error().message, now_ms);
  return auth::parse_rules(kNothing, "no rules").value();
}

}  // namespace

std::unique_ptr<ClientAccess> ClientAccess::make(const RulesInForce& in_force,
                                                 std::string_view client_id,
                                                 auth::IdentityPtr identity, SteadyMs now_ms,
                                                 WallMs wall_ms, observe::RateBoundLog& log) {
  const bool ends = identity != nullptr && identity->expires_at_s != 0;
  const bool has_own = identity != nullptr && !identity->own_rules.empty();
  if (in_force.rules == nullptr && !ends && !has_own) return nullptr;
  if (identity == nullptr) identity = std::make_shared<const auth::Identity>();
  std::unique_ptr<ClientAccess> made(new ClientAccess(in_force, client_id, identity));
  if (has_own) made->own_ = read_own(*identity, log, now_ms);
  if (ends) {
    const auto ends_ms = static_cast<WallMs>(std::min(identity->expires_at_s, kNeverS)) * 1000;
    made->ends_at_ms_ = now_ms + std::max<WallMs>(ends_ms - wall_ms, 1);
  }
  return made;
}

bool ClientAccess::may_publish(std::string_view topic, bool retain) {
  if (rules() == nullptr) return true;
  // Version 0 is nobody's: nothing was asked yet.
  if (last_version_ == in_force_.version + 1 && retain == last_retain_ && topic == last_topic_) {
    return last_allowed_;
  }
  const auth::Subject who = subject();
  last_allowed_ = rules()->allows(auth::Right::publish, who, topic) &&
                  (!retain || rules()->allows(auth::Right::retain, who, topic));
  last_version_ = in_force_.version + 1;
  last_retain_ = retain;
  last_topic_ = topic;
  return last_allowed_;
}

bool ClientAccess::may_subscribe(std::string_view filter) {
  return rules() == nullptr || rules()->allows(auth::Right::subscribe, subject(), filter);
}

bool ClientAccess::may_receive(std::string_view topic) {
  return rules() == nullptr || !rules()->asks_on_receive() ||
         rules()->allows(auth::Right::receive, subject(), topic);
}

auth::Rules::Explanation ClientAccess::explain(auth::Right right, std::string_view topic) const {
  if (rules() == nullptr) return {true, "there are no rules: everything is allowed"};
  return rules()->explain(right, subject(), topic);
}

}  // namespace roost::gates
