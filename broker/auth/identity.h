// SPDX-License-Identifier: Apache-2.0
// Who a client is, once it was let in: what rules are asked about. Travels with its session to the
// node that runs it.
// Thread: any thread (immutable once shared).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roost::auth {

struct Identity {
  std::string user_name;                // verified; empty: anonymous
  std::string certificate_common_name;  // of a verified client certificate, else empty
  std::string listener;                 // its name
  std::string address;                  // of the client, without port; empty: a Unix socket
  std::vector<std::string> groups;      // as whoever let it in says; the rules' file knows others
  // Texts and numbers of a token, by name, for placeholders.
  std::vector<std::pair<std::string, std::string>> claims;
  std::string own_rules;           // that a token brought (rules.h), as text; empty: none
  std::uint64_t expires_at_s = 0;  // Unix time after which it is sent off; 0: never

  // Null: no such claim.
  const std::string* claim(std::string_view name) const {
    for (const auto& [key, value] : claims) {
      if (key == name) return &value;
    }
    return nullptr;
  }
  friend bool operator==(const Identity&, const Identity&) = default;
};

using IdentityPtr = std::shared_ptr<const Identity>;

}  // namespace roost::auth
