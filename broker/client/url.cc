// SPDX-License-Identifier: Apache-2.0
#include "broker/client/url.h"

#include <charconv>

namespace roost::client {
namespace {

struct Scheme {
  std::string_view name;
  Transport transport;
  std::uint16_t port;
};

constexpr Scheme kSchemes[] = {
    {"mqtt", Transport::tcp, 1883},
    {"mqtts", Transport::tls, 8883},
    {"ws", Transport::websocket, 80},
    {"wss", Transport::secure_websocket, 443},
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                       hex_digit(text[i + 2]) >= 0;
    if (!coded) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    i += 2;
  }
  return out;
}

bool parse_port(std::string_view text, std::uint16_t& out) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size() && out != 0;
}

// "host", "host:port", "[v6]", "[v6]:port".
bool parse_host(std::string_view text, Url& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return false;
    url.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && !port.starts_with(':')) return false;
  } else {
    const auto colon = text.find(':');
    url.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon);
  }
  if (url.host.empty()) return false;
  return port.empty() || parse_port(port.substr(1), url.port);
}

}  // namespace

std::uint16_t default_port(Transport transport) {
  for (const Scheme& scheme : kSchemes) {
    if (scheme.transport == transport) return scheme.port;
  }
  return 0;
}

Result<Url> parse_url(std::string_view text) {
  const auto wrong = [&](const char* why) {
    return error(ErrorKind::invalid_argument, "'" + std::string(text) + "': " + why);
  };
  const auto mark = text.find("://");
  if (mark == std::string_view::npos)
    return wrong("a URL begins with mqtt://, mqtts://, ws:// or wss://");
  Url url;
  const Scheme* found = nullptr;
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name == text.substr(0, mark)) found = &scheme;
  }
  if (found == nullptr) return wrong("the scheme is mqtt, mqtts, ws or wss");
  url.transport = found->transport;
  url.port = found->port;

  std::string_view rest = text.substr(mark + 3);
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos) url.path = percent_decoded(rest.substr(slash + 1));
  std::string_view authority = rest.substr(0, slash);
  const auto at = authority.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view user = authority.substr(0, at);
    const auto colon = user.find(':');
    url.user_name = percent_decoded(user.substr(0, colon));
    if (colon != std::string_view::npos) url.password = percent_decoded(user.substr(colon + 1));
    authority.remove_prefix(at + 1);
  }
  if (!parse_host(authority, url)) return wrong("no valid host and port");
  return url;
}

}  // namespace roost::client
