// SPDX-License-Identifier: Apache-2.0
#include "broker/http/attempts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace roost::http {

SteadyMs Attempts::wait_ms(const std::string& address, SteadyMs now) const {
  const auto found = guesses_.find(address);
  if (found == guesses_.end()) return 0;
  return std::max<SteadyMs>(0, found->second.held_until - now);
}

void Attempts::count_wrong(const std::string& address, SteadyMs now) {
  if (!guesses_.contains(address) && guesses_.size() >= kAddressesMax) make_room(now);
  Guesses& own = guesses_[address];
  if (own.wrong == 0 || now - own.since >= kWrongWindowMs) {
    own.wrong = 0;
    own.since = now;
  }
  if (++own.wrong < kWrongMax) return;
  own.wrong = 0;
  own.held_until = now + kHoldOffMs;
}

// What is over goes; else whoever began first, rather one that isn't held off.
void Attempts::make_room(SteadyMs now) {
  std::erase_if(guesses_, [&](const auto& entry) {
    return entry.second.held_until <= now && now - entry.second.since >= kWrongWindowMs;
  });
  if (guesses_.size() < kAddressesMax) return;
  const auto rank = [&](const Guesses& one) {
    return std::make_pair(one.held_until > now, one.since);
  };
  guesses_.erase(std::min_element(
      guesses_.begin(), guesses_.end(),
      [&](const auto& a, const auto& b) { return rank(a.second) < rank(b.second); }));
}

std::string attempts_key(const std::string& address) {
  in6_addr v6{};
  if (::inet_pton(AF_INET6, address.c_str(), &v6) != 1) return address;
  std::memset(v6.s6_addr + 8, 0, 8);
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(AF_INET6, &v6, text, sizeof text);
  return text;
}

}  // namespace roost::http
