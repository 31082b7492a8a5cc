// SPDX-License-Identifier: Apache-2.0
#include "broker/net/client_hello.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace roost::net {
namespace {

using namespace std::string_literals;

std::string sized(std::size_t length_size, const std::string& body) {
  std::string text;
  for (std::size_t i = length_size; i-- > 0;) {
    text += static_cast<char>(body.size() >> (8 * i) & 0xff);
  }
  return text + body;
}

using Extensions = std::vector<std::pair<int, std::string>>;  // type, body

std::string hello(const Extensions& extensions) {
  std::string all;
  for (const auto& [type, body] : extensions) {
    all += static_cast<char>(type >> 8);
    all += static_cast<char>(type & 0xff);
    all += sized(2, body);
  }
  const std::string body = "\x03\x03"s + std::string(32, 'r') + sized(1, std::string(32, 'i')) +
                           sized(2, "\x13\x01\x13\x02"s) + sized(1, "\0"s) + sized(2, all);
  return "\x16\x03\x01"s + sized(2, "\x01"s + sized(3, body));
}

const Extensions kPlain = {{0, "name"}, {35, ""}, {43, "\x02\x03\x04"}};
const Extensions kOld = {{0, "name"}, {35, "ticket"}};
const Extensions kNew = {{43, "\x02\x03\x04"}, {35, ""}, {41, "key and binder"}};

TEST(ClientHello, OffersATicketInEitherVersionsWay) {
  EXPECT_FALSE(offers_ticket(as_bytes(hello(kPlain))));
  EXPECT_TRUE(offers_ticket(as_bytes(hello(kOld))));
  EXPECT_TRUE(offers_ticket(as_bytes(hello(kNew))));
}

TEST(ClientHello, IsFoundBehindAProxyPrelude) {
  const std::string second = "\r\n\r\n\0\r\nQUIT\n\x21\x11"s + sized(2, std::string(12, 'a'));
  for (const std::string& prelude : {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"s, second}) {
    EXPECT_TRUE(offers_ticket(as_bytes(prelude + hello(kNew))));
    EXPECT_FALSE(offers_ticket(as_bytes(prelude + hello(kPlain))));
    EXPECT_FALSE(offers_ticket(as_bytes(prelude)));
  }
}

TEST(ClientHello, IsNoneWhereItIsCutOrSomethingElse) {
  const std::string whole = "PROXY UNKNOWN\r\n" + hello(kNew);
  for (std::size_t size = 0; size < whole.size() - "key and binder"s.size(); ++size) {
    EXPECT_FALSE(offers_ticket(as_bytes(whole.substr(0, size)))) << size;
  }
  EXPECT_FALSE(offers_ticket(as_bytes("GET / HTTP/1.1\r\n\r\n")));
  EXPECT_FALSE(offers_ticket(as_bytes(std::string(500, '\xff'))));
}

// Lengths that lie read nothing that isn't there (under ASan).
TEST(ClientHello, MayLieInEveryByte) {
  const std::string whole = hello(kNew);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char lie : {'\0', '\x7f', '\xff'}) {
      std::string lying = whole;
      lying[at] = lie;
      offers_ticket(as_bytes(lying));
    }
  }
}

}  // namespace
}  // namespace roost::net
