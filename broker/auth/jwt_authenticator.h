// SPDX-License-Identifier: Apache-2.0
// Lets in who brings a right JSON web token as its password. HMAC is checked on the caller's
// thread, RSA and ECDSA on threads of their own (README.md has the figures). Keys can be exchanged
// while it runs.
// Thread: any thread.
// Owner: the server.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "broker/auth/authenticator.h"
#include "broker/auth/jwt_verifier.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/base/result.h"

namespace roost::auth {

enum class JwtKeySource : std::uint8_t {
  secret_file,      // its bytes, without one line end behind
  public_key_file,  // PEM
  jwks_file,
  outside,  // use_keys(); until then tokens get 0x88
};

struct JwtAuthSettings {
  JwtSettings token = {};
  JwtKeySource source = JwtKeySource::secret_file;
  std::string key_file = {};
  std::uint32_t threads = 1;           // RS256 and ES256 only
  std::uint32_t max_pending = 10'000;  // signatures waiting; over it: 0x89 server busy
};

struct JwtCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};            // all of the following
  std::atomic<std::uint64_t> refused_expired{0};    // or not yet valid
  std::atomic<std::uint64_t> refused_signature{0};  // or another algorithm, or too long
  std::atomic<std::uint64_t> refused_claims{0};     // issuer, audience, client id, user name
  std::atomic<std::uint64_t> refused_key{0};        // unknown, none yet or too old
  std::atomic<std::uint64_t> refused_busy{0};
  std::atomic<std::uint64_t> not_a_token{0};  // left to the next authenticator; not in refused
  std::atomic<std::uint64_t> pending{0};      // gauge: waiting or being verified
  std::atomic<std::uint64_t> reloads{0}, reload_failures{0};
};

class JwtAuthenticator final : public Authenticator {
 public:
  static constexpr SteadyMs kForever = std::numeric_limits<SteadyMs>::max();

  // `clock` and `log` outlive it. Errors: those of the settings, of reading and parsing the file.
  static Result<std::unique_ptr<JwtAuthenticator>> open(JwtAuthSettings settings,
                                                        const Clock& clock, Log& log);
  ~JwtAuthenticator() override;  // stop()

  // Called once for each token whose key isn't known, on the thread that asked. Before the first
  // authenticate(); must not block.
  void on_unknown_key(std::function<void()> hook);

  void authenticate(AuthRequest request, Answer answer) override;

  // Tokens from now on; from `valid_until_ms` (steady time) on they get 0x88.
  void use_keys(JwtKeysPtr keys, SteadyMs valid_until_ms = kForever);
  // Reads the file again; on an error the old keys stay. Blocks for a file read.
  Result<void> reload();
  // Answers all that waits with 0x8B and joins the threads; later requests get 0x8B at once.
  void stop();

  std::size_t key_count() const;
  const JwtCounters& counters() const;

 private:
  struct Inside;
  explicit JwtAuthenticator(std::unique_ptr<Inside> inside);

  std::unique_ptr<Inside> inside_;
};

}  // namespace roost::auth
