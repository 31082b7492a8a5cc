// SPDX-License-Identifier: Apache-2.0
#include "broker/server/auth_check.h"

#include <optional>
#include <utility>

namespace roost::server {

namespace {

using Add = std::function<void(const std::string& path, const std::string& text)>;

// In the order in which they are asked where nothing is said: what is cheap to tell apart first.
constexpr std::pair<std::string_view, AuthSource> kSources[] = {
    {"jwt", AuthSource::jwt}, {"password", AuthSource::password}, {"http", AuthSource::http}};

std::optional<AuthSource> source_of(std::string_view word) {
  for (const auto& [name, source] : kSources) {
    if (name == word) return source;
  }
  return std::nullopt;
}

// "password, jwt" and the like, without blanks.
std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> words;
  for (std::string_view rest = list; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    std::string_view word = rest.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    words.emplace_back(word);
    rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  }
  return words;
}

bool is_configured(AuthSource source, const AuthConfig& config) {
  switch (source) {
    case AuthSource::jwt:
      return config.jwt.is_on();
    case AuthSource::password:
      return !config.password_file.empty();
    case AuthSource::http:
      return !config.http.url.empty();
  }
  return false;
}

void check_listener(const ListenerConfig& listener, const std::string& path,
                    const AuthConfig& config, const Add& add) {
  for (const std::string& word : words_of(listener.auth)) {
    const auto source = source_of(word);
    if (!source) {
      add(path, "\"" + word + "\" is nobody to ask; allowed are password, jwt, http");
    } else if (!is_configured(*source, config)) {
      const std::string missing = *source == AuthSource::jwt        ? "auth.jwt.algorithm"
                                  : *source == AuthSource::password ? "auth.password_file"
                                                                    : "auth.http.url";
      add(path, word + " needs " + missing);
    }
  }
}

void check_url(const std::string& url, const std::string& path, const Add& add) {
  if (url.empty() || url.starts_with("https://") || url.starts_with("http://")) return;
  add(path, "\"" + url + "\" is no address; it begins with https:// or http://");
}

void check_jwt(const JwtConfig& jwt, const Add& add) {
  const int keys = !jwt.key_file.empty() + !jwt.jwks_file.empty() + !jwt.jwks_url.empty();
  if (!jwt.is_on()) {
    if (keys > 0) add("auth.jwt.algorithm", "is off, but there are keys: HS256, RS256 or ES256");
    return;
  }
  if (keys != 1) {
    add("auth.jwt.algorithm",
        jwt.algorithm + " needs one of auth.jwt.key, auth.jwt.jwks, auth.jwt.jwks_url");
  }
  check_url(jwt.jwks_url, "auth.jwt.jwks_url", add);
  if (jwt.user_claim.empty()) add("auth.jwt.user_claim", "is empty; sub is what most tokens have");
}

}  // namespace

std::vector<AuthSource> sources_of(const ListenerConfig& listener, const AuthConfig& config) {
  std::vector<AuthSource> sources;
  for (const std::string& word : words_of(listener.auth)) {
    if (const auto source = source_of(word)) sources.push_back(*source);
  }
  if (!sources.empty()) return sources;
  for (const auto& [name, source] : kSources) {
    if (is_configured(source, config)) sources.push_back(source);
  }
  return sources;
}

void check_auth(const Config& config, const Add& add) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    check_listener(config.listeners[i], "listeners." + std::to_string(i) + ".auth", config.auth,
                   add);
  }
  check_jwt(config.auth.jwt, add);
  check_url(config.auth.http.url, "auth.http.url", add);
  if (!config.acl.file.empty() && !config.acl.mosquitto_file.empty()) {
    add("acl.mosquitto_file", "rules are in acl.file already; there is one file of them");
  }
}

}  // namespace roost::server
