// SPDX-License-Identifier: Apache-2.0
// SCRAM-SHA-256 for AUTH packets, over the users of the password file whose lines are of that kind.
// Everybody else, known or not, gets as far as a wrong password.
// Thread: any thread; an exchange is its gate's.
// Owner: the server; outlives the gates' exchanges.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "broker/auth/authenticator.h"
#include "broker/auth/password_authenticator.h"
#include "broker/auth/scram.h"

namespace roost::auth {

inline constexpr std::string_view kScramMethod = "SCRAM-SHA-256";

struct ScramCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused_proof{0};    // unknown user or wrong password
  std::atomic<std::uint64_t> refused_garbled{0};  // no SCRAM, or what isn't offered
};

class ScramAuthenticator final : public EnhancedAuthenticator {
 public:
  // `passwords` must outlive it.
  explicit ScramAuthenticator(const PasswordAuthenticator& passwords) : passwords_(passwords) {}

  bool knows_method(std::string_view method) const override { return method == kScramMethod; }
  std::unique_ptr<EnhancedExchange> begin(std::string_view method,
                                          const AuthRequest& request) const override;

  const ScramCounters& counters() const { return counters_; }

 private:
  const PasswordAuthenticator& passwords_;
  const ScramDecoys decoys_;
  mutable ScramCounters counters_;
};

}  // namespace roost::auth
