// SPDX-License-Identifier: Apache-2.0
// What one client may do: the node's rules about topics, or those that its token brought, for who
// it is. Publishers say the same topic again and again, so the last answer is remembered.
// Thread: core-bound.
// Owner: the session's link.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/auth/rules.h"
#include "broker/base/clock.h"
#include "broker/observe/rate_limiter.h"
#include "broker/session/access.h"

namespace roost::gates {

// A core's rules; they change in a turn of it.
struct RulesInForce {
  auth::RulesPtr rules;  // null: everything is allowed
  std::uint64_t version = 0;
};

class ClientAccess final : public session::Access {
 public:
  // Null where nothing restricts it: no rules, and its identity never ends. `identity` may be null
  // then. Rules of its own that can't be read allow nothing, and are logged.
  static std::unique_ptr<ClientAccess> make(const RulesInForce& in_force,
                                            std::string_view client_id, auth::IdentityPtr identity,
                                            SteadyMs now_ms, WallMs wall_ms,
                                            observe::RateBoundLog& log);

  bool may_publish(std::string_view topic, bool retain) override;
  bool may_subscribe(std::string_view filter) override;
  bool may_receive(std::string_view topic) override;
  SteadyMs ends_at_ms() const override { return ends_at_ms_; }

  // In words, for operators.
  auth::Rules::Explanation explain(auth::Right right, std::string_view topic) const;
  const auth::Identity& identity() const { return *identity_; }

 private:
  ClientAccess(const RulesInForce& in_force, std::string_view client_id, auth::IdentityPtr identity)
      : in_force_(in_force), client_id_(client_id), identity_(std::move(identity)) {}

  const auth::Rules* rules() const { return own_ != nullptr ? own_.get() : in_force_.rules.get(); }
  auth::Subject subject() const { return {client_id_, *identity_}; }

  const RulesInForce& in_force_;
  const std::string client_id_;
  const auth::IdentityPtr identity_;
  auth::RulesPtr own_;  // null: the node's
  SteadyMs ends_at_ms_ = 0;
  std::string last_topic_;  // that was published to, with that RETAIN flag, under that version
  std::uint64_t last_version_ = 0;
  bool last_retain_ = false;
  bool last_allowed_ = false;
};

}  // namespace roost::gates
