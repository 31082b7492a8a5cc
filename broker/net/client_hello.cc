// SPDX-License-Identifier: Apache-2.0
#include "broker/net/client_hello.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace roost::net {

namespace {

// RFC 8446, 4.1.2 and 5.1
constexpr std::size_t kHandshakeRecord = 22;
constexpr std::size_t kClientHello = 1;
constexpr std::size_t kSessionTicket = 35;  // RFC 5077
constexpr std::size_t kPreSharedKey = 41;
constexpr std::size_t kVersionAndRandom = 2 + 32;

// Advances or stays empty for good; never past the end.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  bool is_empty() const { return bytes_.empty(); }
  std::size_t number(std::size_t size) {
    std::size_t value = 0;
    for (const std::uint8_t byte : take(size)) value = value << 8 | byte;
    return value;
  }
  ByteView take(std::size_t size) {
    const ByteView taken = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = size <= bytes_.size() ? bytes_.subspan(size) : ByteView();
    return taken;
  }
  // A vector with its length in front.
  Cursor vector(std::size_t length_size) { return Cursor(take(number(length_size))); }

 private:
  ByteView bytes_;
};

ByteView behind_proxy_prelude(ByteView bytes) {
  constexpr std::string_view kSecond("\r\n\r\n\0\r\nQUIT\n", 12);
  const std::string_view text = as_text(bytes);
  if (text.starts_with("PROXY ")) {
    const std::size_t end = text.find("\r\n");
    return end == text.npos ? ByteView() : bytes.subspan(end + 2);
  }
  if (!text.starts_with(kSecond)) return bytes;
  Cursor cursor(bytes.subspan(kSecond.size()));
  cursor.number(2);  // version and command, family
  const std::size_t size = kSecond.size() + 4 + cursor.number(2);
  return size <= bytes.size() ? bytes.subspan(size) : ByteView();
}

}  // namespace

bool offers_ticket(ByteView bytes) {
  Cursor record(behind_proxy_prelude(bytes));
  if (record.number(1) != kHandshakeRecord) return false;
  record.number(2);  // version
  Cursor handshake = record.vector(2);
  if (handshake.number(1) != kClientHello) return false;
  Cursor hello = handshake.vector(3);
  hello.take(kVersionAndRandom);
  hello.vector(1);  // session id
  hello.vector(2);  // cipher suites
  hello.vector(1);  // compression methods
  Cursor extensions = hello.vector(2);
  while (!extensions.is_empty()) {
    const std::size_t type = extensions.number(2);
    const Cursor body = extensions.vector(2);
    if ((type == kPreSharedKey || type == kSessionTicket) && !body.is_empty()) return true;
  }
  return false;
}

}  // namespace roost::net
