// SPDX-License-Identifier: Apache-2.0
#include "broker/server/node_auth.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::server {

namespace {

constexpr std::uint32_t kMsPerS = 1000;

std::uint32_t seconds(std::uint64_t ms) { return static_cast<std::uint32_t>(ms / kMsPerS); }

auth::JwtAuthSettings settings_of(const AuthConfig& config) {
  const JwtConfig& jwt = config.jwt;
  auth::JwtAuthSettings settings;
  settings.token.algorithm = jwt.algorithm == "HS256"   ? auth::JwtAlgorithm::hs256
                             : jwt.algorithm == "RS256" ? auth::JwtAlgorithm::rs256
                                                        : auth::JwtAlgorithm::es256;
  settings.token.issuer = jwt.issuer;
  settings.token.audience = jwt.audience;
  settings.token.leeway_s = jwt.leeway_s;
  settings.token.user_name_claim = jwt.user_claim;
  settings.token.groups_claim = jwt.groups_claim;
  settings.token.rules_claim = jwt.acl_claim;
  settings.token.client_id_claim = jwt.client_id_claim;
  settings.threads = config.threads;
  settings.max_pending = config.max_pending;
  if (!jwt.jwks_url.empty()) {
    settings.source = auth::JwtKeySource::outside;
  } else if (!jwt.jwks_file.empty()) {
    settings.source = auth::JwtKeySource::jwks_file;
    settings.key_file = jwt.jwks_file;
  } else {
    settings.source = settings.token.algorithm == auth::JwtAlgorithm::hs256
                          ? auth::JwtKeySource::secret_file
                          : auth::JwtKeySource::public_key_file;
    settings.key_file = jwt.key_file;
  }
  return settings;
}

}  // namespace

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
    node->scram_ = std::make_unique<auth::ScramAuthenticator>(*node->passwords_);
  }
  for (const auto step : {&NodeAuth::open_web, &NodeAuth::open_tokens, &NodeAuth::read_rules}) {
    if (auto done = ((*node).*step)(); !done) return Unexpected(done.error());
  }
  if (!config.auth.http.url.empty()) node->open_service();
  node->chain_of(sources_of(ListenerConfig(), config.auth));
  for (const ListenerConfig& listener : config.listeners) node->of(listener);
  return node;
}

// For whoever asks others over HTTP.
Result<void> NodeAuth::open_web() {
  if (auth_.http.url.empty() && auth_.jwt.jwks_url.empty()) return {};
  http::OutboundSettings settings;
  settings.connections_max = auth_.http.max_connections;
  settings.timeout_ms = static_cast<std::uint32_t>(auth_.http.timeout_ms);
  settings.connect_timeout_ms = std::min(settings.connect_timeout_ms, settings.timeout_ms);
  settings.ca_file = auth_.http.ca_file;
  settings.pending_max = auth_.max_pending;
  auto opened = http::Outbound::open(settings);
  if (!opened) return Unexpected(opened.error());
  outbound_ = *std::move(opened);
  return {};
}

Result<void> NodeAuth::open_tokens() {
  const JwtConfig& jwt = auth_.jwt;
  if (!jwt.is_on()) return {};
  auto opened = auth::JwtAuthenticator::open(settings_of(auth_), clock_, log_);
  if (!opened) return Unexpected(opened.error());
  tokens_ = *std::move(opened);
  if (jwt.jwks_url.empty()) return {};
  keeper_ = std::make_unique<auth::JwksKeeper>(
      auth::JwksKeeperSettings{jwt.jwks_url, seconds(jwt.jwks_refresh_ms),
                               seconds(jwt.jwks_max_age_ms)},
      *outbound_,
      [this](auth::JwtKeysPtr keys, SteadyMs until_ms) {
        tokens_->use_keys(std::move(keys), until_ms);
      },
      clock_, log_);
  tokens_->on_unknown_key([this] { keeper_->hurry(); });
  keeper_->start();
  return {};
}

void NodeAuth::open_service() {
  auth::HttpAuthSettings settings;
  settings.url = auth_.http.url;
  settings.when_away =
      auth_.http.when_away == "ignore" ? auth::WhenAway::ignore : auth::WhenAway::refuse;
  settings.cache_ttl_s = seconds(auth_.http.cache_ms);
  settings.max_pending = auth_.max_pending;
  service_ = std::make_unique<auth::HttpAuthenticator>(settings, *outbound_, clock_, log_);
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

const auth::EnhancedAuthenticator& NodeAuth::enhanced() const {
  if (scram_ != nullptr) return *scram_;
  return nobody_;
}

const auth::EnhancedAuthenticator& NodeAuth::enhanced_of(const ListenerConfig& listener) const {
  const std::vector<AuthSource> sources = sources_of(listener, auth_);
  const bool has_passwords =
      std::find(sources.begin(), sources.end(), AuthSource::password) != sources.end();
  if (has_passwords) return enhanced();
  return nobody_;
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
        asked.push_back(tokens_.get());
        break;
      case AuthSource::http:
        asked.push_back(service_.get());
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
  if (tokens_ != nullptr && auth_.jwt.jwks_url.empty()) {
    const std::string& file = auth_.jwt.key_file.empty() ? auth_.jwt.jwks_file : auth_.jwt.key_file;
    all.push_back({"the tokens' keys in " + file, {file}, [this] { return tokens_->reload(); }});
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
  if (keeper_ != nullptr) keeper_->stop();
  if (service_ != nullptr) service_->stop();
  if (outbound_ != nullptr) outbound_->stop();
  if (tokens_ != nullptr) tokens_->stop();
  if (passwords_ != nullptr) passwords_->stop();
}

}  // namespace roost::server
