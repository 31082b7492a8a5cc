// SPDX-License-Identifier: Apache-2.0
#include "broker/client/websocket_frames.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cctype>

namespace roost::client {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// The value of a header, without surrounding spaces; empty if absent.
std::string_view header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || lower(line.substr(0, colon)) != lower(name)) continue;
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    return value.substr(0, value.find_last_not_of(" \t") + 1);
  }
  return {};
}

}  // namespace

std::string upgrade_request(std::string_view host, std::uint16_t port, std::string_view path,
                            std::string_view key) {
  std::string out = "GET ";
  if (!path.starts_with('/')) out += '/';
  out += path;
  out += " HTTP/1.1\r\nHost: ";
  const bool is_v6 = host.find(':') != std::string_view::npos;
  out += is_v6 ? "[" + std::string(host) + "]" : std::string(host);
  out += ":" + std::to_string(port);
  out += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  out += "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: ";
  out += key;
  return out + "\r\n\r\n";
}

std::string upgrade_answer(std::string_view key) {
  const std::string text = std::string(key) + std::string(kGuid);
  std::uint8_t digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), digest);
  std::uint8_t coded[32];
  const int size = EVP_EncodeBlock(coded, digest, SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(coded), static_cast<std::size_t>(size)};
}

std::string check_upgrade(std::string_view head, std::string_view key) {
  const std::string first(head.substr(0, head.find("\r\n")));
  if (!first.starts_with("HTTP/1.1 101")) return "WebSocket refused: " + first;
  if (lower(header(head, "Upgrade")) != "websocket") return "WebSocket: no Upgrade header";
  if (header(head, "Sec-WebSocket-Accept") != upgrade_answer(key)) {
    return "WebSocket: wrong Sec-WebSocket-Accept";
  }
  return "";
}

void append_frame(Opcode opcode, ByteView payload, std::uint32_t mask,
                  std::vector<std::uint8_t>& out) {
  constexpr std::uint8_t kMasked = 0x80;
  out.push_back(static_cast<std::uint8_t>(0x80 | static_cast<unsigned>(opcode)));
  const std::uint64_t size = payload.size();
  if (size < 126) {
    out.push_back(static_cast<std::uint8_t>(kMasked | size));
  } else {
    const int bytes = size <= 0xFFFF ? 2 : 8;
    out.push_back(kMasked | (bytes == 2 ? 126 : 127));
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
  }
  const std::uint8_t key[4] = {
      static_cast<std::uint8_t>(mask >> 24), static_cast<std::uint8_t>(mask >> 16),
      static_cast<std::uint8_t>(mask >> 8), static_cast<std::uint8_t>(mask)};
  out.insert(out.end(), key, key + 4);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out.push_back(static_cast<std::uint8_t>(payload[i] ^ key[i % 4]));
  }
}

// True once the header is whole; left_ and opcode_ are set then.
bool FrameReader::take_header() {
  if (header_.size() < 2) return false;
  const std::uint8_t length = header_[1] & 0x7F;
  const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (header_.size() < 2 + more) return false;
  opcode_ = static_cast<Opcode>(header_[0] & 0x0F);
  left_ = more == 0 ? length : 0;
  for (std::size_t i = 0; i < more; ++i) left_ = left_ << 8 | header_[2 + i];
  in_payload_ = true;
  return true;
}

bool FrameReader::feed(ByteView bytes, std::vector<std::uint8_t>& data,
                       std::vector<std::vector<std::uint8_t>>& pings) {
  while (!bytes.empty() || (in_payload_ && left_ == 0)) {
    if (!in_payload_) {
      header_.push_back(bytes.front());
      bytes = bytes.subspan(1);
      if (!take_header()) continue;
      const bool is_masked = (header_[1] & 0x80) != 0;  // servers must not
      const bool is_control = (header_[0] & 0x08) != 0;
      if (is_masked || (header_[0] & 0x70) != 0 || (is_control && left_ > kControlMax))
        return false;
    }
    const bool is_control = (static_cast<unsigned>(opcode_) & 8U) != 0;
    auto& to = is_control ? control_ : data;
    const auto part =
        bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    to.insert(to.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    left_ -= part.size();
    if (left_ > 0) break;
    if (opcode_ == Opcode::close) return false;
    if (opcode_ == Opcode::ping) pings.push_back(control_);
    control_.clear();
    header_.clear();
    in_payload_ = false;
  }
  return true;
}

}  // namespace roost::client
