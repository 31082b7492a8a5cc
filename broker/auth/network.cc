// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/network.h"

#include <algorithm>
#include <charconv>

namespace roost::auth {
namespace {

constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96

std::optional<unsigned> parse_number(std::string_view text, int base, std::size_t digits_max) {
  unsigned value = 0;
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "a.b.c.d" into four bytes.
bool parse_four(std::string_view text, std::uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return false;
    const std::string_view part = text.substr(0, dot);
    const auto value = parse_number(part, 10, 3);
    if (!value || *value > 255 || (part.size() > 1 && part.front() == '0')) return false;
    bytes[i] = static_cast<std::uint8_t>(*value);
    text.remove_prefix(std::min(dot, text.size() - 1) + 1);
  }
  return true;
}

// Groups of one side of "::", at most 16 bytes. None: not that.
std::optional<std::size_t> parse_groups(std::string_view text, std::array<std::uint8_t, 16>& out) {
  std::size_t size = 0;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view part = text.substr(0, colon);
    if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
      if (size > 12 || !parse_four(part, &out[size])) return std::nullopt;
      return size + 4;
    }
    const auto value = parse_number(part, 16, 4);
    if (!value || size > 14) return std::nullopt;
    out[size++] = static_cast<std::uint8_t>(*value >> 8);
    out[size++] = static_cast<std::uint8_t>(*value & 0xFF);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
    if (text.empty()) return std::nullopt;  // ends with a single ':'
  }
  return size;
}

std::optional<Address> parse_six(std::string_view text) {
  Address head{}, tail{};
  const std::size_t gap = text.find("::");
  const auto before = parse_groups(text.substr(0, gap), head);
  if (!before) return std::nullopt;
  if (gap == std::string_view::npos) return *before == 16 ? std::optional(head) : std::nullopt;
  if (text.find('.') < gap) return std::nullopt;  // an IPv4 address is the end only
  const auto behind = parse_groups(text.substr(gap + 2), tail);
  if (!behind || *before + *behind > 14) return std::nullopt;
  std::copy_n(tail.begin(), *behind, head.end() - static_cast<std::ptrdiff_t>(*behind));
  return head;
}

bool bit_of(const Address& address, unsigned bit) {
  return (address[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_six(text.substr(0, text.find('%')));
  Address address{};
  address[10] = address[11] = 0xFF;
  return parse_four(text, &address[12]) ? std::optional(address) : std::nullopt;
}

std::optional<Network> Network::parse(std::string_view text) {
  if (text == "unix") return Network{.is_unix = true};
  const std::size_t slash = text.find('/');
  if (text.find('%') != std::string_view::npos) return std::nullopt;
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network network{.address = *address};
  if (slash == std::string_view::npos) return network;
  const bool is_four = text.find(':') == std::string_view::npos;
  const auto bits = parse_number(text.substr(slash + 1), 10, 3);
  if (!bits || *bits > (is_four ? 32u : 128u)) return std::nullopt;
  network.prefix_bits = *bits + (is_four ? kMappedBits : 0);
  for (unsigned bit = network.prefix_bits; bit < 128; ++bit) {
    if (bit_of(*address, bit)) return std::nullopt;
  }
  return network;
}

bool Network::contains(const Address& other) const {
  if (is_unix) return false;
  const unsigned bytes = prefix_bits / 8, bits = prefix_bits % 8;
  if (!std::equal(address.begin(), address.begin() + bytes, other.begin())) return false;
  return bits == 0 || (address[bytes] ^ other[bytes]) >> (8 - bits) == 0;
}

}  // namespace roost::auth
