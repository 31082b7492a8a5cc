// SPDX-License-Identifier: Apache-2.0
// Who guesses tokens is held off: ten wrong ones of an address in a minute, and nothing of it is
// looked at for the next one.
// Thread: one at a time.
// Owner: Guard.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "broker/base/clock.h"

namespace roost::http {

inline constexpr unsigned kWrongMax = 10;
inline constexpr SteadyMs kWrongWindowMs = 60'000;
inline constexpr SteadyMs kHoldOffMs = 60'000;
inline constexpr std::size_t kAddressesMax = 1024;

class Attempts {
 public:
  // How many ms `address` still waits; 0: it may try.
  SteadyMs wait_ms(const std::string& address, SteadyMs now) const;
  void count_wrong(const std::string& address, SteadyMs now);

  std::size_t size() const { return guesses_.size(); }

 private:
  struct Guesses {
    unsigned wrong = 0;
    SteadyMs since = 0;
    SteadyMs held_until = 0;
  };
  void make_room(SteadyMs now);

  std::unordered_map<std::string, Guesses> guesses_;
};

// Whom an address stands for: an IPv4 address for itself, an IPv6 one for its /64.
std::string attempts_key(const std::string& address);

}  // namespace roost::http
