// SPDX-License-Identifier: Apache-2.0
#include "broker/http/web_url.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace roost::http {

namespace {

Unexpected<Error> invalid(std::string message) {
  return error(ErrorKind::invalid_argument, std::move(message));
}

// Nothing that could end a line or a word of a request.
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

bool is_header(std::string_view name, std::string_view value) {
  const auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == '\x7F'; };
  return !name.empty() && is_printable(name) && name.find(':') == name.npos &&
         std::none_of(value.begin(), value.end(), is_control);
}

bool is_port(std::string_view text) {
  unsigned number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc() && end == text.data() + text.size() && number > 0 && number < 65'536;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == host.npos ? host : "[" + host + "]";
}

}  // namespace

std::string WebUrl::host_header() const {
  const bool is_usual = port == (is_tls ? "443" : "80");
  return is_usual ? bracketed(host) : bracketed(host) + ":" + port;
}

std::string WebUrl::origin() const {
  return (is_tls ? "https://" : "http://") + bracketed(host) + ":" + port;
}

Result<WebUrl> parse_web_url(std::string_view url) {
  WebUrl parsed;
  if (!is_printable(url)) return invalid("a URL holds no spaces and no control characters");
  if (url.starts_with("https://")) {
    parsed.is_tls = true;
  } else if (!url.starts_with("http://")) {
    return invalid("a URL starts with http:// or https://");
  }
  url.remove_prefix(parsed.is_tls ? 8 : 7);
  url = url.substr(0, url.find('#'));
  const std::size_t path = std::min(url.find_first_of("/?"), url.size());
  std::string_view place = url.substr(0, path);
  parsed.target = url.substr(path);
  if (!parsed.target.starts_with('/')) parsed.target.insert(0, 1, '/');
  if (place.find('@') != place.npos) {
    return invalid("a URL with a user name or password in it; send a header instead");
  }
  std::string_view host = place;
  if (place.starts_with('[')) {
    const std::size_t end = place.find(']');
    if (end == place.npos) return invalid("a URL whose IPv6 address has no end");
    host = place.substr(1, end - 1);
    place.remove_prefix(end + 1);
  } else {
    host = place.substr(0, place.find(':'));
    place.remove_prefix(host.size());
  }
  if (host.empty()) return invalid("a URL without a host");
  parsed.host = host;
  parsed.port = parsed.is_tls ? "443" : "80";
  if (!place.empty()) {
    place.remove_prefix(1);
    if (!is_port(place)) return invalid("a URL whose port is no number from 1 to 65535");
    parsed.port = place;
  }
  return parsed;
}

Result<WebUrl> check_web_request(const auth::WebRequest& request) {
  static constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD",  "POST",
                                                               "PUT", "PATCH", "DELETE"};
  if (std::find(kMethods.begin(), kMethods.end(), request.method) == kMethods.end()) {
    return invalid("an unknown HTTP method");
  }
  std::size_t size = request.url.size();
  for (const auto& [name, value] : request.headers) {
    size += name.size() + value.size();
    if (!is_header(name, value)) return invalid("a header that HTTP can't carry");
  }
  if (size > kWebHeaderBytesMost)
    return invalid("a URL and headers of more bytes than HTTP carries");
  return parse_web_url(request.url);
}

std::uint32_t retry_after_s(std::string_view value) {
  std::uint32_t seconds = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  return failed == std::errc() && end == value.data() + value.size() ? seconds : 0;
}

}  // namespace roost::http
