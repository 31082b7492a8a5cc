// SPDX-License-Identifier: Apache-2.0
// Addresses and networks as text, without a resolver: 10.0.0.0/8, fd00::/8.
// Thread: any thread (pure).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace roost::auth {

// 16 bytes; an IPv4 address is ::ffff:a.b.c.d, so one that came by an IPv6 socket is the same.
using Address = std::array<std::uint8_t, 16>;

// IPv4, or IPv6 with or without "%eth0". None: no address.
std::optional<Address> parse_address(std::string_view text);

struct Network {
  bool is_unix = false;  // the clients of Unix sockets
  Address address{};
  unsigned prefix_bits = 128;

  // "10.0.0.0/8", "fd00::/8", one address, "unix". None: neither, or bits set behind the prefix.
  static std::optional<Network> parse(std::string_view text);
  bool contains(const Address& other) const;
};

}  // namespace roost::auth
