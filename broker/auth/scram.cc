// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/scram.h"

#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "broker/auth/hash_kinds.h"
#include "broker/base/check.h"

namespace roost::auth {

namespace {

constexpr std::size_t kNonceBytes = 18;  // 24 letters
constexpr std::size_t kDecoySaltBytes = sizeof(Salt);

ScramStep garbled(std::string_view why, std::string_view code = "e=other-error") {
  return {why, true, std::string(code)};
}

// "n=ann" -> "ann"; nothing where it is another attribute.
std::optional<std::string_view> value_of(std::string_view attribute, char name) {
  if (attribute.size() < 2 || attribute[0] != name || attribute[1] != '=') return std::nullopt;
  return attribute.substr(2);
}

std::string_view take_attribute(std::string_view& rest) {
  const std::string_view one = rest.substr(0, rest.find(','));
  rest.remove_prefix(std::min(one.size() + 1, rest.size()));
  return one;
}

// RFC 5802's saslname: "=2C" is a comma and "=3D" an equals sign. Nothing: no saslname.
std::optional<std::string> user_name_of(std::string_view escaped) {
  std::string name;
  while (!escaped.empty()) {
    const std::size_t equals = escaped.find('=');
    name += escaped.substr(0, equals);
    if (equals == std::string_view::npos) break;
    const std::string_view code = escaped.substr(equals + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    name += code == "2C" ? ',' : '=';
    escaped.remove_prefix(equals + 3);
  }
  if (name.empty() || name.find('\0') != std::string::npos) return std::nullopt;
  return name;
}

bool is_nonce(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c >= 0x21 && c <= 0x7E && c != ','; });
}

// RFC 5802: what a server doesn't know behind the known attributes it passes over.
bool are_extensions(std::string_view rest) {
  while (!rest.empty()) {
    const std::string_view one = take_attribute(rest);
    const bool has_name =
        !one.empty() && ((one[0] >= 'a' && one[0] <= 'z') || (one[0] >= 'A' && one[0] <= 'Z'));
    if (!has_name || !value_of(one, one[0]) || one.size() < 3) return false;
  }
  return true;
}

// "n,,": the flag, the name that is acted for, and their commas.
std::string_view gs2_header_of(std::string_view message) {
  const std::size_t flag_end = message.find(',');
  if (flag_end == std::string_view::npos) return {};
  const std::size_t end = message.find(',', flag_end + 1);
  return end == std::string_view::npos ? std::string_view() : message.substr(0, end + 1);
}

}  // namespace

ScramDecoys::ScramDecoys() { CHECK(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1); }

std::string ScramDecoys::secret_of(std::string_view user, std::uint32_t iterations) const {
  ScramSecret secret;
  secret.iterations = iterations;
  const ScramKey salt = scram_hmac(key_, "salt " + std::string(user));
  secret.salt.assign(salt.begin(), salt.begin() + kDecoySaltBytes);
  secret.stored_key = scram_hmac(key_, "stored key " + std::string(user));
  secret.server_key = scram_hmac(key_, "server key " + std::string(user));
  return write_scram(secret);
}

std::string random_scram_nonce() {
  std::array<unsigned char, kNonceBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  return encode_base64(bytes.data(), bytes.size());
}

ScramExchange::ScramExchange(ScramLookup lookup, const ScramDecoys& decoys,
                             std::uint32_t usual_iterations, ScramNonce nonce)
    : lookup_(std::move(lookup)),
      decoys_(decoys),
      usual_iterations_(usual_iterations),
      make_nonce_(std::move(nonce)) {}

ScramStep ScramExchange::first(std::string_view message) {
  if (std::exchange(state_, State::over) != State::begun) return garbled("a second first message");
  if (message.size() > kScramMessageMax) return garbled("a SCRAM message of more than 4096 bytes");
  if (message.starts_with("p=")) {
    return garbled("it wants channel binding, which this broker doesn't have (use SCRAM-SHA-256)",
                   "e=channel-binding-not-supported");
  }
  const std::string_view header = gs2_header_of(message);
  if (!header.starts_with("n,") && !header.starts_with("y,")) {
    return garbled("no SCRAM: the first message begins with n, or y,");
  }
  gs2_header_ = header;
  std::string_view rest = message.substr(header.size());
  first_bare_ = rest;
  if (rest.starts_with("m=")) {
    return garbled("it wants an extension of SCRAM that must be known",
                   "e=extensions-not-supported");
  }
  const auto escaped = value_of(take_attribute(rest), 'n');
  const auto user = escaped ? user_name_of(*escaped) : std::nullopt;
  if (!user)
    return garbled("no SCRAM: n= and a user name are expected", "e=invalid-username-encoding");
  const std::string_view acting = header.substr(2, header.size() - 3);  // "a=" a name, or nothing
  const auto other = value_of(acting, 'a');
  if (!acting.empty() && (!other || user_name_of(*other) != user)) {
    return garbled("it wants to act as somebody else, which nobody may");
  }
  const auto nonce = value_of(take_attribute(rest), 'r');
  if (!nonce || !is_nonce(*nonce) || !are_extensions(rest)) {
    return garbled("no SCRAM: r= and a nonce are expected");
  }
  user_ = *user;
  nonce_ = *nonce;
  return challenge();
}

ScramStep ScramExchange::challenge() {
  // Both are looked up, so that a name costs the same known or not.
  const std::string decoy = decoys_.secret_of(user_, usual_iterations_);
  const auto found = lookup_(user_);
  auto secret = read_scram(found ? *found : decoy);
  is_known_ = found.has_value() && secret.has_value();
  if (!secret) secret = read_scram(decoy);
  CHECK(secret);
  secret_ = *secret;
  const std::string own = make_nonce_();
  if (own.empty()) return {"the system gives no random bytes", false, "e=other-error"};
  nonce_ += own;
  server_first_ = "r=" + nonce_ + ",s=" + padded_base64(secret_.salt.data(), secret_.salt.size()) +
                  ",i=" + std::to_string(secret_.iterations);
  state_ = State::challenged;
  return {{}, false, server_first_};
}

ScramStep ScramExchange::final(std::string_view message) {
  if (std::exchange(state_, State::over) != State::challenged) {
    return garbled("a final message before the first");
  }
  if (message.size() > kScramMessageMax) return garbled("a SCRAM message of more than 4096 bytes");
  const std::size_t proof_at = message.rfind(",p=");
  if (proof_at == std::string_view::npos) return garbled("no SCRAM: p= and a proof are expected");
  const std::string_view without_proof = message.substr(0, proof_at);
  std::string_view rest = without_proof;
  const auto binding = value_of(take_attribute(rest), 'c');
  const std::string sent =
      padded_base64(reinterpret_cast<const unsigned char*>(gs2_header_.data()), gs2_header_.size());
  if (!binding || *binding != sent) {
    return garbled("its channel binding isn't the one that it began with",
                   "e=channel-bindings-dont-match");
  }
  if (value_of(take_attribute(rest), 'r') != std::string_view(nonce_)) {
    return garbled("its nonce isn't this exchange's");
  }
  if (!are_extensions(rest)) return garbled("no SCRAM: c=, r= and p= are expected");
  const std::string auth_message =
      first_bare_ + "," + server_first_ + "," + std::string(without_proof);
  const bool matches = is_proof(message.substr(proof_at + 3), auth_message);
  const ScramKey signature = scram_hmac(secret_.server_key, auth_message);
  if (!matches || !is_known_) {
    return {is_known_ ? "wrong password" : "unknown user", false, "e=invalid-proof"};
  }
  return {{}, false, "v=" + padded_base64(signature.data(), signature.size())};
}

// RFC 5802 section 3: the proof is the client's key, hidden by its signature.
bool ScramExchange::is_proof(std::string_view proof, std::string_view auth_message) const {
  const auto bytes = decode_base64(proof);
  if (!bytes || bytes->size() != sizeof(ScramKey) || proof.size() % 4 != 0) return false;
  ScramKey key = scram_hmac(secret_.stored_key, auth_message);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] ^= (*bytes)[i];
  const ScramKey stored = scram_hash(key);
  OPENSSL_cleanse(key.data(), key.size());
  return CRYPTO_memcmp(stored.data(), secret_.stored_key.data(), stored.size()) == 0;
}

}  // namespace roost::auth
