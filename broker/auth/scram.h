// SPDX-License-Identifier: Apache-2.0
// The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677): two messages in, two out, no I/O. The
// client computes PBKDF2; here a step costs microseconds.
// Thread: one exchange on one thread.
// Owner: whoever talks to the client.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/auth/scram_secret.h"

namespace roost::auth {

inline constexpr std::size_t kScramMessageMax = 4096;

// What users without a secret are shown, so that nobody learns who exists: a salt that is always
// the same for a name while `key` lives, and the iterations that users of the file have.
class ScramDecoys {
 public:
  ScramDecoys();  // with a random key
  explicit ScramDecoys(const ScramKey& key) : key_(key) {}
  ~ScramDecoys() { OPENSSL_cleanse(key_.data(), key_.size()); }
  ScramDecoys(const ScramDecoys&) = delete;
  ScramDecoys& operator=(const ScramDecoys&) = delete;

  std::string secret_of(std::string_view user, std::uint32_t iterations) const;

 private:
  ScramKey key_{};
};

// A user's text form, or nothing where the name is unknown or its password is kept otherwise.
using ScramLookup = std::function<std::optional<std::string>(std::string_view user)>;
using ScramNonce = std::function<std::string()>;  // empty: the system gives no random bytes
std::string random_scram_nonce();

struct ScramStep {
  std::string_view refusal;  // why, for our log, of static life; empty: went well
  bool is_garbled = false;   // the refusal: not SCRAM, rather than not let in
  // For the client: the server's message; of a refusal "e=..." (RFC 5802 section 7).
  std::string data;
};

class ScramExchange {
 public:
  // `decoys` must outlive it. `usual_iterations`: of users who exist.
  ScramExchange(ScramLookup lookup, const ScramDecoys& decoys, std::uint32_t usual_iterations,
                ScramNonce nonce = random_scram_nonce);

  // Each is called once, the second only when the first went well; else a refusal.
  ScramStep first(std::string_view message);
  ScramStep final(std::string_view message);

  // Who it is. Requires: final() went well.
  const std::string& user() const { return user_; }

 private:
  enum class State : std::uint8_t { begun, challenged, over };

  ScramStep challenge();
  bool is_proof(std::string_view proof, std::string_view auth_message) const;

  const ScramLookup lookup_;
  const ScramDecoys& decoys_;
  const std::uint32_t usual_iterations_;
  const ScramNonce make_nonce_;
  State state_ = State::begun;
  std::string gs2_header_;  // "n,,"
  std::string first_bare_;
  std::string server_first_;
  std::string nonce_;  // the client's, then both
  std::string user_;
  bool is_known_ = false;
  ScramSecret secret_;
};

}  // namespace roost::auth
