// SPDX-License-Identifier: Apache-2.0
// Knows who stands in the password file; who doesn't may be another's (AuthResult::is_unknown),
// which takes as long to say. Argon2 runs on threads of its own behind a bounded queue. A user who
// was verified once is known again by a keyed digest, so a fleet that comes back after a power cut
// doesn't pay Argon2 a second time. Thread: any thread. Owner: the server.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/auth/authenticator.h"
#include "broker/auth/password_file.h"
#include "broker/base/result.h"

namespace roost::auth {

struct PasswordSettings {
  std::string password_file;
  std::uint32_t threads = 1;
  std::uint32_t max_pending = 10'000;  // verifications waiting; over it: 0x89 server busy
};

struct AuthCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused_password{0};  // unknown user or wrong password
  std::atomic<std::uint64_t> refused_busy{0};
  std::atomic<std::uint64_t> hashes_computed{0};
  std::atomic<std::uint64_t> cache_hits{0};
  std::atomic<std::uint64_t> pending{0};  // gauge: waiting or being verified
  std::atomic<std::uint64_t> reloads{0}, reload_failures{0};
};

// All that one reading of the file gave.
struct PasswordSnapshot {
  PasswordTable users;
  std::string decoy;                   // hash that an unknown user is checked against
  std::uint32_t scram_iterations = 0;  // that most users of SCRAM have; never 0
};

class PasswordAuthenticator final : public Authenticator {
 public:
  // Errors: what read_passwords says.
  static Result<std::unique_ptr<PasswordAuthenticator>> open(PasswordSettings settings);
  ~PasswordAuthenticator() override;  // stop()

  void authenticate(AuthRequest request, Answer answer) override;

  // Reads the file again (SIGHUP); on an error the old users stay. Blocks for a file read.
  Result<void> reload();
  // Answers all that waits with 0x8B and joins the threads; later requests get 0x8B at once.
  void stop();

  // What is in force; never null.
  std::shared_ptr<const PasswordSnapshot> snapshot() const;
  std::size_t user_count() const { return snapshot()->users.size(); }
  const AuthCounters& counters() const { return counters_; }

 private:
  struct Inside;
  explicit PasswordAuthenticator(PasswordSettings settings);

  AuthCounters counters_;
  std::unique_ptr<Inside> inside_;
};

}  // namespace roost::auth
