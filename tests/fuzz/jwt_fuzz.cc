// SPDX-License-Identifier: Apache-2.0
// Any bytes as a token, as a key set, and as an authentication service's answer: nothing that
// wasn't signed gets in, and what is taken is within its limits.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string>

#include "broker/auth/http_auth_message.h"
#include "broker/auth/jwks.h"
#include "broker/auth/jwt_verifier.h"
#include "broker/base/check.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace auth;

constexpr std::uint64_t kNow_s = 1'800'000'000;
const std::string kSecret(32, 's');
const std::string kHeader = R"({"alg":"HS256","kid":"k"})";
const std::string kPayload =
    R"({"sub":"ann","exp":1800000060,"nbf":1,"groups":["a"],"site":"x","acl":[1]})";

std::string base64url(std::string_view bytes) {
  std::string out(bytes.size() / 3 * 4 + 5, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

std::string signed_token(std::string_view header, std::string_view payload) {
  const std::string text = base64url(header) + "." + base64url(payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  ::HMAC(::EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return text + "." + base64url({reinterpret_cast<char*>(digest.data()), size});
}

JwtVerdict verify(const std::string& token, JwtAlgorithm algorithm, const JwtKeys& keys) {
  static const std::array<JwtVerifier, 3> kVerifiers = [] {
    const auto make = [](JwtAlgorithm a) {
      JwtSettings settings;
      settings.algorithm = a;
      return JwtVerifier::make(settings).value();
    };
    return std::array{make(JwtAlgorithm::hs256), make(JwtAlgorithm::rs256),
                      make(JwtAlgorithm::es256)};
  }();
  AuthRequest request;
  request.password = token;
  JwtVerdict verdict =
      kVerifiers[static_cast<std::size_t>(algorithm)].verify(request, keys, kNow_s);
  const bool is_in = verdict.fault == JwtFault::none;
  CHECK(is_in == (verdict.result.code == mqtt::ReasonCode::success));
  CHECK(is_in == (verdict.result.identity != nullptr));
  CHECK(is_in || !verdict.result.reason.empty());
  if (is_in) {
    const Identity& who = *verdict.result.identity;
    CHECK(!who.user_name.empty() && who.expires_at_s > kNow_s);
    CHECK(who.groups.size() <= kTokenGroupsMax && who.claims.size() <= kTokenClaimsMax);
  }
  return verdict;
}

const JwtKeys& secret_keys() {
  static const JwtKeys kKeys(
      [] {
        std::vector<JwtKey> keys;
        keys.push_back(make_secret_key(kSecret).value());
        return keys;
      }(),
      false);
  return kKeys;
}

// Whoever doesn't know the secret doesn't get in, but with the seed's own token.
void run_token(const std::string& text) {
  static const std::string kGood = signed_token(kHeader, kPayload);
  const JwtVerdict verdict = verify(text, JwtAlgorithm::hs256, secret_keys());
  CHECK(verdict.fault != JwtFault::none || text == kGood);
}

// What an issuer may put in: claims behind a right signature.
void run_payload(const std::string& text) {
  verify(signed_token(kHeader, text), JwtAlgorithm::hs256, secret_keys());
  verify(signed_token(text, kPayload), JwtAlgorithm::hs256, secret_keys());
}

void run_set(const std::string& text) {
  const auto jwks = parse_jwks(text);
  if (!jwks) return;
  CHECK(jwks->keys->size() > 0 && jwks->keys->size() + jwks->left_out.size() <= kJwksKeysMax);
  for (const auto algorithm : {JwtAlgorithm::rs256, JwtAlgorithm::es256}) {
    const std::string header = R"({"alg":")" + std::string(to_text(algorithm)) + "\"}";
    const auto token = signed_token(header, kPayload);
    CHECK(verify(token, algorithm, *jwks->keys).fault != JwtFault::none);
  }
}

void run_answer(const std::string& text) {
  const auto answer = read_http_auth_answer(text, "ann");
  if (!answer) return;
  CHECK(answer->identity.groups.size() <= kHttpGroupsMax);
  CHECK(answer->expires_in_s <= kHttpExpiryMaxSeconds);
}

void run(std::string text) {
  if (text.empty()) return;
  const char which = text[0];
  text.erase(0, 1);
  switch (which & 3) {
    case 0:
      return run_token(text);
    case 1:
      return run_payload(text);
    case 2:
      return run_set(text);
    default:
      return run_answer(text);
  }
}

Input seed(char which, const std::string& text) {
  Input input(text.begin(), text.end());
  input.insert(input.begin(), static_cast<std::uint8_t>(which));
  return input;
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  using namespace roost::fuzz;
  const std::string coordinate(43, 'A');
  write_seeds(
      *argc, *argv,
      {seed('0', signed_token(kHeader, kPayload)),
       seed('0', base64url(R"({"alg":"none"})") + "." + base64url(kPayload) + "."),
       seed('1', kPayload), seed('1', kHeader), seed('1', R"({"sub":"a","exp":1.8e9,"aud":["b"]})"),
       seed('2', R"({"keys":[{"kty":"oct","kid":"k","k":")" + coordinate + R"("}]})"),
       seed('2', R"({"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","x":")" +
                     coordinate + R"(","y":")" + coordinate + R"("}]})"),
       seed('2', R"({"keys":[{"kty":"RSA","key_ops":["verify"],"e":"AQAB","n":"w)" +
                     std::string(341, 'x') + R"("}]})"),
       seed('3', R"({"result":"allow","user_name":"a","groups":["g"],"acl":{},"expires_in":9})"),
       seed('3', R"({"result":"deny"})")});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run(std::string(data, data + size));
  return 0;
}
