// SPDX-License-Identifier: Apache-2.0
#include "broker/http/guard.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace roost::http {

namespace {

constexpr std::string_view kScheme = "bearer ";
constexpr std::string_view kApi = "/api/";

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

bool has_two(const Request& request, std::string_view name) {
  return std::count_if(request.headers.begin(), request.headers.end(),
                       [&](const auto& header) { return lower(header.first) == name; }) > 1;
}

// "https://name:8443" -> "name:8443"
std::string_view authority_of(std::string_view origin) {
  const std::size_t colon = origin.find("://");
  return colon == std::string_view::npos ? std::string_view() : origin.substr(colon + 3);
}

Response say(unsigned status, const std::string& text) {
  return error_response(status, text, true);
}

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

Response unauthorized(const std::string& text) {
  Response response = say(401, text);
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"roost\"");
  return response;
}

}  // namespace

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

std::string host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    return lower(authority.substr(1, end - 1));
  }
  std::string_view host = authority.substr(0, authority.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return lower(host);
}

Guard::Guard(GuardSettings settings, const Clock& clock)
    : settings_(std::move(settings)),
      is_loopback_(is_loopback(settings_.address)),
      clock_(clock),
      tokens_(std::make_shared<Tokens>()) {}

Result<std::unique_ptr<Guard>> Guard::open(GuardSettings settings, const Clock& clock) {
  if (!settings.token.empty()) {
    if (auto good = http::check_token(settings.token); !good) return Unexpected(good.error());
  }
  std::unique_ptr<Guard> guard(new Guard(std::move(settings), clock));
  if (auto loaded = guard->load(); !loaded) return Unexpected(loaded.error());
  return guard;
}

Result<void> Guard::load() {
  auto fresh = std::make_shared<Tokens>();
  if (!settings_.token_file.empty()) {
    auto read = Tokens::read(settings_.token_file);
    if (!read) return Unexpected(read.error());
    *fresh = *std::move(read);
  }
  if (!settings_.token.empty()) fresh->add(settings_.token);
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(fresh);
  return {};
}

Result<void> Guard::reload() { return load(); }

std::optional<Response> Guard::check(const Request& request, bool is_open) {
  if (auto refused = check_host(request, is_open)) return refused;
  if (auto refused = check_origin(request)) return refused;
  if (is_open) return std::nullopt;
  return check_token(request);
}

bool Guard::is_host_right(std::string_view authority) const {
  const std::string host = host_of(authority);
  const auto is_host = [&](const std::string& allowed) { return lower(allowed) == host; };
  return is_address(host) || host == "localhost" || is_host(settings_.address) ||
         std::any_of(settings_.allowed_hosts.begin(), settings_.allowed_hosts.end(), is_host);
}

// A page of another site whose name was made to point here (DNS rebinding) has its name as Host.
// Open routes that are served to the network anyway take any: Prometheus comes by a name.
std::optional<Response> Guard::check_host(const Request& request, bool is_open) {
  const std::string_view host = request.header("Host");
  if (is_open && !is_loopback_) return std::nullopt;
  if (host.empty()) return std::nullopt;  // no browser
  if (!has_two(request, "host") && is_host_right(host)) return std::nullopt;
  count(counters_.wrong_host);
  return say(421, "this host name isn't served here; http.allowed_hosts names those that are");
}

// A page of another site may send requests from the browser of someone who can reach this one.
std::optional<Response> Guard::check_origin(const Request& request) {
  const bool only_looks = request.method == "GET" || request.method == "HEAD";
  if (only_looks && !request.path.starts_with(kApi)) return std::nullopt;
  const std::string_view origin = request.header("Origin");
  if (origin.empty() && !has_two(request, "origin")) return std::nullopt;
  const auto& allowed = settings_.allowed_origins;
  const std::string own = lower(authority_of(origin));
  const bool is_right = (!own.empty() && own == lower(request.header("Host"))) ||
                        std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) {
                          return lower(one) == lower(origin);
                        });
  if (is_right && !has_two(request, "origin")) return std::nullopt;
  count(counters_.wrong_origin);
  return say(403,
             "pages of other origins have no business here; http.allowed_origins names those "
             "that have");
}

std::optional<Response> Guard::check_token(const Request& request) {
  if (settings_.takes_certificates && request.has_certificate) return std::nullopt;
  std::shared_ptr<const Tokens> tokens;
  {
    const std::lock_guard lock(mutex_);
    tokens = tokens_;
  }
  if (tokens->empty() && !settings_.takes_certificates) {
    count(counters_.closed);
    return say(403,
               "the API is off here: set http.token_file (a file with one token a line) or "
               "ROOST_HTTP_TOKEN, or http.tls.ca for client certificates; on this machine "
               "the socket admin.sock in the data directory serves it always");
  }
  const std::string_view given = request.header("Authorization");
  if (given.size() <= kScheme.size() || lower(given.substr(0, kScheme.size())) != kScheme) {
    count(counters_.no_token);
    return unauthorized(
        "a token is needed: Authorization: Bearer TOKEN" +
        std::string(settings_.takes_certificates ? ", or a client certificate" : ""));
  }
  const std::string address = attempts_key(request.peer);
  const SteadyMs now = clock_.steady_ms();
  if (const SteadyMs wait = attempts_.wait_ms(address, now); wait > 0) {
    count(counters_.too_many_wrong);
    Response response = say(429, "too many wrong tokens from this address; come again later");
    response.headers.emplace_back("Retry-After", std::to_string((wait + 999) / 1000));
    return response;
  }
  if (tokens->contains(given.substr(kScheme.size()))) return std::nullopt;
  attempts_.count_wrong(address, now);
  count(counters_.wrong_token);
  return unauthorized("this token isn't good here");
}

}  // namespace roost::http
