// SPDX-License-Identifier: Apache-2.0
#include "broker/server/node_auth.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::server {

NodeAuth::NodeAuth(const Config& config, Log& log)
    : auth_(config.auth), acl_(config.acl), log_(log) {}

NodeAuth::~NodeAuth() { stop(); }

Result<std::unique_ptr<NodeAuth>> NodeAuth::open(const Config& config, Log& log) {
  std::unique_ptr<NodeAuth> node(new NodeAuth(config, log));
  if (!config.auth.password_file.empty()) {
    auto opened = auth::PasswordAuthenticator::open(
        {config.auth.password_file, config.auth.threads, config.auth.max_pending});
    if (!opened) return Unexpected(opened.error());
    node->passwords_ = *std::move(opened);
  }
  if (auto read = node->read_rules(); !read) return Unexpected(read.error());
  node->chain_of(sources_of(ListenerConfig(), config.auth));
  for (const ListenerConfig& listener : config.listeners) node->of(listener);
  return node;
}

Result<void> NodeAuth::read_rules() {
  if (acl_.file.empty() && acl_.mosquitto_file.empty()) return {};
  auto read = acl_.file.empty() ? auth::read_mosquitto_acl(acl_.mosquitto_file)
                                : auth::read_rules(acl_.file);
  if (!read) return Unexpected(read.error());
  rules_ = *std::move(read);
  return {};
}

auth::Authenticator& NodeAuth::of(const ListenerConfig& listener) {
  return chain_of(sources_of(listener, auth_));
}

// Listeners with the same list share theirs.
auth::Chain& NodeAuth::chain_of(const std::vector<AuthSource>& sources) {
  for (Listed& listed : chains_) {
    if (listed.sources == sources) return *listed.chain;
  }
  std::vector<auth::Authenticator*> asked;
  for (const AuthSource source : sources) {
    switch (source) {
      case AuthSource::password:
        asked.push_back(passwords_.get());
        break;
      case AuthSource::jwt:
      case AuthSource::http:
        break;
    }
  }
  chains_.push_back({sources, std::make_unique<auth::Chain>(std::move(asked))});
  chain_counters_.push_back(&chains_.back().chain->counters());
  return *chains_.back().chain;
}

std::vector<Reloadable> NodeAuth::reloadables(std::function<void(auth::RulesPtr)> changed) {
  std::vector<Reloadable> all;
  if (passwords_ != nullptr) {
    all.push_back({"the password file " + auth_.password_file, {auth_.password_file}, [this] {
                     return passwords_->reload();
                   }});
  }
  if (rules_ != nullptr) {
    const std::string& file = acl_.file.empty() ? acl_.mosquitto_file : acl_.file;
    all.push_back({"the rules in " + file, {file}, [this, changed = std::move(changed)] {
                     auto read = read_rules();
                     if (read) changed(rules_);
                     return read;
                   }});
  }
  return all;
}

void NodeAuth::stop() {
  if (passwords_ != nullptr) passwords_->stop();
}

}  // namespace roost::server
