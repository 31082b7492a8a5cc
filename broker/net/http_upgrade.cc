// SPDX-License-Identifier: Apache-2.0
// RFC 6455, section 4.2.
#include "broker/net/http_upgrade.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace roost::net {

namespace {

constexpr std::string_view kKeySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeySize = 24;  // base64 of 16 bytes

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The first part of `text` up to `separator`, which is cut off with it.
std::string_view take(std::string_view& text, std::string_view separator) {
  const std::size_t at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + separator.size());
  return part;
}

// True if one element of a comma-separated list is `word`.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (same_word(trimmed(take(list, ",")), word)) return true;
  }
  return false;
}

struct Request {
  std::string_view method, target, version;
  bool upgrade = false;
  bool connection_upgrade = false;
  std::string_view websocket_version, key;
  int keys = 0;
  bool offers_subprotocol = false;
  std::string_view subprotocol;  // the first offered one that is ours
};

void note_subprotocols(std::string_view list, Request& request) {
  request.offers_subprotocol = true;
  while (!list.empty()) {
    const std::string_view name = trimmed(take(list, ","));
    const bool ours = name == "mqtt" || name == "mqttv3.1";
    if (ours && request.subprotocol.empty()) request.subprotocol = name;
  }
}

bool parse_header(std::string_view line, Request& request) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name.find_first_of(" \t") != name.npos) return false;  // folded lines too
  if (same_word(name, "Upgrade")) {
    request.upgrade = request.upgrade || lists(value, "websocket");
  } else if (same_word(name, "Connection")) {
    request.connection_upgrade = request.connection_upgrade || lists(value, "upgrade");
  } else if (same_word(name, "Sec-WebSocket-Version")) {
    request.websocket_version = value;
  } else if (same_word(name, "Sec-WebSocket-Key")) {
    request.key = value;
    ++request.keys;
  } else if (same_word(name, "Sec-WebSocket-Protocol")) {
    note_subprotocols(value, request);
  }
  return true;
}

bool parse_request(std::string_view head, Request& request) {
  if (head.find('\0') != head.npos) return false;
  std::string_view line = take(head, "\r\n");
  request.method = take(line, " ");
  request.target = take(line, " ");
  request.version = line;
  if (request.method.empty() || request.target.empty()) return false;
  for (;;) {
    line = take(head, "\r\n");
    if (line.empty()) return true;
    if (!parse_header(line, request)) return false;
  }
}

bool is_key(std::string_view key) {
  const auto is_base64 = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/';
  };
  return key.size() == kKeySize && key.ends_with("==") &&
         std::all_of(key.begin(), key.end() - 2, is_base64);
}

std::string accept_key(std::string_view key) {
  const std::string text = std::string(key) + std::string(kKeySuffix);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::EVP_Digest(text.data(), text.size(), digest.data(), &size, ::EVP_sha1(), nullptr);
  std::array<unsigned char, 64> encoded{};
  const int encoded_size = ::EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(encoded_size)};
}

}  // namespace

UpgradeAnswer answer_upgrade(std::string_view head, std::string_view path) {
  Request request;
  if (!parse_request(head, request) || !request.version.starts_with("HTTP/")) {
    return refuse_upgrade("400 Bad Request", "this is no HTTP request");
  }
  if (request.method != "GET") {
    return refuse_upgrade("405 Method Not Allowed", "a WebSocket opens with GET", "Allow: GET\r\n");
  }
  if (!path.empty() && request.target.substr(0, request.target.find('?')) != path) {
    return refuse_upgrade("404 Not Found", "the WebSocket isn't at this path");
  }
  if (!request.upgrade || !request.connection_upgrade || request.version == "HTTP/1.0") {
    return refuse_upgrade("426 Upgrade Required", "this port speaks MQTT over WebSocket",
                          "Upgrade: websocket\r\n");
  }
  if (request.websocket_version != "13") {
    return refuse_upgrade("426 Upgrade Required", "only WebSocket version 13 is spoken here",
                          "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  }
  if (request.keys != 1 || !is_key(request.key)) {
    return refuse_upgrade("400 Bad Request", "Sec-WebSocket-Key is missing or malformed");
  }
  // [MQTT-6.0.0-3] makes offering it the client's duty; one that offers nothing gets nothing back
  // and is served, one that asks for another protocol than MQTT is not. README.md says why.
  if (request.offers_subprotocol && request.subprotocol.empty()) {
    return refuse_upgrade("400 Bad Request", "no subprotocol offered is mqtt or mqttv3.1");
  }
  UpgradeAnswer answer{.accepted = true, .response = {}, .why = {}};
  answer.response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_key(request.key) + "\r\n";
  if (!request.subprotocol.empty()) {  // [MQTT-6.0.0-4]
    answer.response += "Sec-WebSocket-Protocol: " + std::string(request.subprotocol) + "\r\n";
  }
  answer.response += "\r\n";
  return answer;
}

UpgradeAnswer refuse_upgrade(std::string_view status, std::string_view why,
                             std::string_view extra_headers) {
  UpgradeAnswer answer;
  answer.why = "HTTP " + std::string(status) + ": " + std::string(why);
  const std::string body = std::string(why) + "\n";
  answer.response = "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(extra_headers) +
                    "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\nConnection: close\r\n\r\n" + body;
  return answer;
}

}  // namespace roost::net
