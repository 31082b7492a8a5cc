// SPDX-License-Identifier: Apache-2.0
#include "broker/net/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/net/filter_text.h"

namespace roost::net {
namespace {

using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string binary(char command, char family, const std::string& rest) {
  return kSignature + command + family + static_cast<char>(rest.size() >> 8) +
         static_cast<char>(rest.size()) + rest;
}

const std::string kFour = "\xC0\x00\x02\x07\x0A\x00\x00\x01\xC8\x23\x07\x5B"s;  // 192.0.2.7:51235

TEST(ProxyProtocol, TakesTheClientsAddressFromEveryForm) {
  const std::string six = "\x20\x01\x0D\xB8"s + std::string(11, '\0') + "\x07"s +
                          std::string(16, '\1') + "\xC8\x23\x07\x5B"s;
  const std::string loopback = "\x7F\x00\x00\x01\x7F\x00\x00\x01\xC8\x23\x07\x5B"s;
  const struct {
    std::string head;
    std::string address;
    bool is_loopback;
  } cases[] = {
      {"PROXY TCP4 192.0.2.7 10.0.0.1 51235 1883\r\n", "192.0.2.7:51235", false},
      {"PROXY TCP6 2001:db8::7 ::1 51235 1883\r\n", "[2001:db8::7]:51235", false},
      {"PROXY TCP4 127.0.0.1 127.0.0.1 0 65535\r\n", "127.0.0.1:0", true},
      {"PROXY UNKNOWN\r\n", "198.51.100.9:999", false},
      {"PROXY UNKNOWN whatever stands here\r\n", "198.51.100.9:999", false},
      {binary(0x21, 0x11, kFour), "192.0.2.7:51235", false},
      {binary(0x21, 0x11, kFour + "\x01\x00\x02h2"s), "192.0.2.7:51235", false},
      {binary(0x21, 0x21, six), "[2001:db8::7]:51235", false},
      {binary(0x21, 0x11, loopback), "127.0.0.1:51235", true},
      {binary(0x21, 0x31, std::string(216, 's')), "unix", false},
      {binary(0x21, 0x00, ""), "198.51.100.9:999", false},
      {binary(0x21, 0x12, kFour), "198.51.100.9:999", false},
      {binary(0x20, 0x00, ""), "198.51.100.9:999", false},
      {binary(0x20, 0x11, kFour), "198.51.100.9:999", false},
      {binary(0x20, 0x77, "anything"), "198.51.100.9:999", false},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.head);
    const FilterRun run = run_split(&make_proxy_filter, each.head + "mqtt bytes");
    EXPECT_EQ(run.status, FilterStatus::ok);
    EXPECT_TRUE(run.handshake_done);
    EXPECT_EQ(run.app, "mqtt bytes");
    EXPECT_EQ(run.wire, "");
    EXPECT_EQ(run.peer.address, each.address);
    EXPECT_EQ(run.peer.is_loopback, each.is_loopback);
  }
}

TEST(ProxyProtocol, RefusesEverythingElse) {
  const std::string cases[] = {
      "\x10\x0E\x00\x04MQTT"s,
      "GET / HTTP/1.1\r\n\r\n",
      "PROXY\r\n\r\n",
      "PROXY \r\n",
      "PROXY TCP4\r\n",
      "PROXY TCP4 192.0.2.7 10.0.0.1 51235\r\n",
      "PROXY TCP4 192.0.2.7 10.0.0.1 51235 1883 \r\n",
      "PROXY TCP4 192.0.2.7 10.0.0.1 51235 1883 9\r\n",
      "PROXY TCP4  192.0.2.7 10.0.0.1 51235 1883\r\n",
      "PROXY TCP4 192.0.2.7 10.0.0.1 65536 1883\r\n",
      "PROXY TCP4 192.0.2.7 10.0.0.1 051 1883\r\n",
      "PROXY TCP4 192.0.2.7 10.0.0.1 -1 1883\r\n",
      "PROXY TCP4 192.0.2.256 10.0.0.1 51235 1883\r\n",
      "PROXY TCP4 ::1 10.0.0.1 51235 1883\r\n",
      "PROXY TCP6 192.0.2.7 10.0.0.1 51235 1883\r\n",
      "PROXY UDP4 192.0.2.7 10.0.0.1 51235 1883\r\n",
      "PROXY UNKNOWN " + std::string(200, 'x'),
      "proxy TCP4 192.0.2.7 10.0.0.1 51235 1883\r\n",
      binary(0x11, 0x11, kFour),
      binary(0x22, 0x11, kFour),
      binary(0x21, 0x13, kFour),
      binary(0x21, 0x41, kFour),
      binary(0x21, 0x11, kFour.substr(1)),
      binary(0x21, 0x21, kFour),
      "\r\n\r\n\0\r\nQUIX"s,
  };
  for (const std::string& each : cases) {
    SCOPED_TRACE(each);
    const FilterRun run = run_split(&make_proxy_filter, each);
    EXPECT_EQ(run.status, FilterStatus::failed);
    EXPECT_NE(run.error, "");
    EXPECT_FALSE(run.handshake_done);
    EXPECT_EQ(run.app, "");
  }
}

TEST(ProxyProtocol, SkipsTlvsAsLongAsTheyCanBe) {
  const std::string rest = kFour + std::string(65'535 - kFour.size(), 't');
  const auto filter = make_proxy_filter();
  FilterRun run;
  feed(*filter, binary(0x21, 0x11, rest) + "mqtt", run);
  EXPECT_EQ(run.app, "mqtt");
}

TEST(ProxyProtocol, IsTransparentFromThenOn) {
  const auto filter = make_proxy_filter();
  FilterRun run;
  EXPECT_FALSE(filter->transparent());
  feed(*filter, "PROXY UNKNOWN\r\n", run);
  EXPECT_TRUE(filter->transparent());
}

}  // namespace
}  // namespace roost::net
