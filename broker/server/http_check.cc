// SPDX-License-Identifier: Apache-2.0
#include "broker/server/http_check.h"

#include <string_view>

#include "broker/http/guard.h"
#include "broker/http/tokens.h"
#include "broker/server/settings_value.h"

namespace roost::server {

namespace {

using Add = std::function<void(const std::string& path, const std::string& text)>;

void check_tls(const ClusterTlsConfig& tls, const Add& add) {
  if (tls.is_on() && tls.key_file.empty()) {
    add("http.tls.cert", "a certificate needs its private key in http.tls.key");
  }
  if (!tls.is_on() && !tls.key_file.empty()) {
    add("http.tls.key", "a private key needs its certificate in http.tls.cert");
  }
  if (!tls.is_on() && !tls.ca_file.empty()) {
    add("http.tls.ca", "client certificates need http.tls.cert and http.tls.key");
  }
}

void check_tokens(const HttpConfig& http, const Add& add) {
  if (!http.token.empty()) {
    if (const auto good = http::check_token(http.token); !good) {
      add("http.token", good.error().message);
    }
  }
  if (http.token_file.empty()) return;
  const auto tokens = http::Tokens::read(http.token_file);
  // What can't be read at all is said of every file alike.
  if (!tokens && tokens.error().kind == ErrorKind::invalid_argument) {
    add("http.token_file", tokens.error().message);
  }
}

void check_lists(const HttpConfig& http, const Add& add) {
  for (const std::string& host : split_list(http.allowed_hosts)) {
    if (host.find_first_of(":/ *") == std::string::npos) continue;
    add("http.allowed_hosts",
        "\"" + host + "\" is no host name; without scheme, port and path, like roost.example");
  }
  for (const std::string& origin : split_list(http.allowed_origins)) {
    const std::size_t scheme = origin.find("://");
    if ((origin.starts_with("https://") || origin.starts_with("http://")) &&
        scheme + 3 < origin.size() && origin.find_first_of("/ *", scheme + 3) == origin.npos) {
      continue;
    }
    add("http.allowed_origins", "\"" + origin +
                                    "\" is no origin; scheme and host, with a port where it isn't "
                                    "the usual one, like https://console.example:8443");
  }
}

}  // namespace

void check_http(const HttpConfig& http, const Add& add) {
  check_tls(http.tls, add);
  check_tokens(http, add);
  check_lists(http, add);
}

std::vector<std::string> warn_http(const HttpConfig& http) {
  const bool in_clear = http.port != 0 && http.has_token() && !http.tls.is_on();
  if (!in_clear || http::is_loopback(http.address)) return {};
  return {"http.address isn't loopback and http.tls is off: tokens travel in clear"};
}

}  // namespace roost::server
