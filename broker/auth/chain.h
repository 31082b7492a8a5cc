// SPDX-License-Identifier: Apache-2.0
// Who may connect, asked of several in a row: a client's certificate, a password file, tokens, a
// web service. The first that knows the client decides; whoever names nobody is anonymous.
// Thread: any thread.
// Owner: the server; the authenticators it asks outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/auth/authenticator.h"

namespace roost::auth {

struct ChainCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> accepted_anonymous{0};    // part of accepted
  std::atomic<std::uint64_t> accepted_certificate{0};  // part of accepted
  std::atomic<std::uint64_t> refused{0};               // known to one who said no, or to nobody
  std::atomic<std::uint64_t> refused_certificate{0};   // names no user as the listener wants it
  std::atomic<std::uint64_t> refused_anonymous{0};
};

class Chain final : public Authenticator {
 public:
  // `sources`: in the order in which they are asked. None: names and passwords prove nothing,
  // everyone is anonymous.
  explicit Chain(std::vector<Authenticator*> sources) : sources_(std::move(sources)) {}

  void authenticate(AuthRequest request, Answer answer) override;

  const ChainCounters& counters() const { return counters_; }

 private:
  struct Asking;

  AuthResult judge_certificate(const AuthRequest& request);
  AuthResult judge_anonymous(const AuthRequest& request);
  void ask_next(const std::shared_ptr<Asking>& asking);
  void take(const std::shared_ptr<Asking>& asking, AuthResult result);

  const std::vector<Authenticator*> sources_;
  ChainCounters counters_;
};

}  // namespace roost::auth
