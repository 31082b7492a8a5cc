// SPDX-License-Identifier: Apache-2.0
// Who may come in and what they may do, as the settings say: whom each listener asks, the rules
// about topics, and the files that they are read from, which may change while the node runs.
// Thread: the owner's, except where said.
// Owner: Node.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/auth/chain.h"
#include "broker/auth/http_authenticator.h"
#include "broker/auth/jwks_keeper.h"
#include "broker/auth/jwt_authenticator.h"
#include "broker/auth/password_authenticator.h"
#include "broker/auth/rules.h"
#include "broker/auth/scram_authenticator.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/http/outbound.h"
#include "broker/server/auth_check.h"
#include "broker/server/config.h"

namespace roost::server {

// Something that is read from files, and again when they change or SIGHUP comes.
struct Reloadable {
  std::string what;  // "the password file users.pw"
  std::vector<std::string> files;
  std::function<Result<void>()> reload;  // an error: the old goes on
};

class NodeAuth {
 public:
  // Errors: of the files, with what to do.
  // `log` outlives it.
  static Result<std::unique_ptr<NodeAuth>> open(const Config& config, Log& log);
  ~NodeAuth();

  // Whom that listener asks; lasts as long as this.
  auth::Authenticator& of(const ListenerConfig& listener);
  // Of listeners that don't say otherwise.
  auth::Authenticator& common() { return *chains_.front().chain; }
  // What AUTH packets are answered by, there; without SCRAM of the password file: by nobody.
  const auth::EnhancedAuthenticator& enhanced_of(const ListenerConfig& listener) const;
  const auth::EnhancedAuthenticator& enhanced() const;
  // Null: everybody may do everything.
  auth::RulesPtr rules() const { return rules_; }
  // `changed` is called when there are new rules.
  std::vector<Reloadable> reloadables(std::function<void(auth::RulesPtr)> changed);
  // Answers all that waits; any later request is refused.
  void stop();

  const std::vector<const auth::ChainCounters*>& chains() const { return chain_counters_; }
  const auth::PasswordAuthenticator* passwords() const { return passwords_.get(); }  // or null
  const auth::ScramAuthenticator* scram() const { return scram_.get(); }             // or null
  const auth::JwtAuthenticator* tokens() const { return tokens_.get(); }             // or null
  const auth::JwksKeeper* key_set() const { return keeper_.get(); }                  // or null
  const auth::HttpAuthenticator* service() const { return service_.get(); }          // or null
  const http::Outbound* outbound() const { return outbound_.get(); }                 // or null

 private:
  struct Listed {
    std::vector<AuthSource> sources;
    std::unique_ptr<auth::Chain> chain;
  };
  NodeAuth(const Config& config, Log& log);

  Result<void> open_web();
  Result<void> open_tokens();
  void open_service();
  auth::Chain& chain_of(const std::vector<AuthSource>& sources);
  Result<void> read_rules();

  const AuthConfig auth_;
  const AclConfig acl_;
  const SystemClock clock_;
  Log& log_;
  std::unique_ptr<http::Outbound> outbound_;
  std::unique_ptr<auth::PasswordAuthenticator> passwords_;
  std::unique_ptr<auth::ScramAuthenticator> scram_;
  const auth::NoEnhancedAuthenticator nobody_;
  std::unique_ptr<auth::JwtAuthenticator> tokens_;
  std::unique_ptr<auth::JwksKeeper> keeper_;
  std::unique_ptr<auth::HttpAuthenticator> service_;
  auth::RulesPtr rules_;
  std::vector<Listed> chains_;
  std::vector<const auth::ChainCounters*> chain_counters_;
};

}  // namespace roost::server
