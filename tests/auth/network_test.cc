// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/network.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace roost::auth {
namespace {

std::optional<Address> by_the_system(const std::string& text) {
  Address address{};
  if (::inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return address;
  address = {};
  address[10] = address[11] = 0xFF;
  if (::inet_pton(AF_INET, text.c_str(), &address[12]) == 1) return address;
  return std::nullopt;
}

TEST(Network, ReadsAddressesAsTheSystemDoes) {
  for (const char* text : {"0.0.0.0",
                           "255.255.255.255",
                           "10.0.0.1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "256.1.1.1",
                           "1..2.3",
                           "1.2.3.",
                           ".1.2.3",
                           "01.2.3.4",
                           "a.b.c.d",
                           "",
                           " 1.2.3.4",
                           "1.2.3.4 ",
                           "-1.2.3.4",
                           "::",
                           "::1",
                           "1::",
                           "fd00::",
                           "2001:db8::1:2",
                           "1:2:3:4:5:6:7:8",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           ":1",
                           "1:",
                           ":::",
                           "12345::",
                           "g::",
                           "::ffff:1.2.3.4",
                           "::1.2.3.4",
                           "1.2.3.4::",
                           "1:2:3:4:5:6:1.2.3.4",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "1:2:3:4:5:6:7::",
                           "::2:3:4:5:6:7:8",
                           "FD00::ABCD",
                           "::1.2.3",
                           "1:2::1.2.3.4"}) {
    EXPECT_EQ(parse_address(text), by_the_system(text)) << text;
  }
  EXPECT_EQ(parse_address("fe80::1%eth0"), by_the_system("fe80::1"));
}

TEST(Network, ContainsWhatItsPrefixSays) {
  struct Row {
    const char* network;
    const char* address;
    bool is_in;
  };
  for (const Row& row :
       {Row{"10.0.0.0/8", "10.255.1.1", true}, Row{"10.0.0.0/8", "11.0.0.0", false},
        Row{"10.0.0.0/9", "10.128.0.0", false}, Row{"0.0.0.0/0", "1.2.3.4", true},
        Row{"0.0.0.0/0", "::1", false}, Row{"::/0", "1.2.3.4", true},
        Row{"1.2.3.4", "1.2.3.4", true}, Row{"1.2.3.4", "1.2.3.5", false},
        Row{"1.2.3.4/31", "::ffff:1.2.3.5", true}, Row{"fd00::/8", "fdff::1", true},
        Row{"fd00::/8", "fe00::1", false}, Row{"::ffff:10.0.0.0/104", "10.1.1.1", true},
        Row{"fd00::/127", "fd00::1", true}, Row{"unix", "::1", false}}) {
    const auto network = Network::parse(row.network);
    ASSERT_TRUE(network) << row.network;
    EXPECT_EQ(network->contains(*parse_address(row.address)), row.is_in)
        << row.network << " " << row.address;
  }
}

TEST(Network, RefusesWhatIsNone) {
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0.1/8", "fd00::/129", "fd00::1/64", "10.0.0.0/", "10.0.0.0/x",
        "10.0.0.0/-1", "/8", "localhost", "fe80::%eth0/64", "10.0.0.0/8/8", "10/8"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

}  // namespace
}  // namespace roost::auth
