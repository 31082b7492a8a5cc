// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwt_verifier.h"

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "broker/auth/base64url.h"
#include "broker/auth/jwt_claims.h"
#include "broker/base/check.h"

namespace roost::auth {

namespace {

namespace json = boost::json;
using mqtt::ReasonCode;
using TokenPtr = std::unique_ptr<jwt_t, decltype(&::jwt_free)>;
using TextPtr = std::unique_ptr<char, decltype(&std::free)>;

constexpr std::string_view kForged = "the token's signature is wrong";

// A JWS (RFC 7515, 7.1) taken apart; views of the token.
struct Parts {
  std::string_view header, payload, signature;
  std::string_view signed_text;  // header.payload
};

struct Header {
  std::string algorithm;
  std::optional<std::string> key_id;
  std::string_view fault;  // empty: a header that we understand
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == token.npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
               token.substr(second + 1), token.substr(0, second)};
}

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code fault;
  json::parse_options options;
  options.max_depth = 16;
  json::value value = json::parse(text, fault, {}, options);
  if (fault || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

// Nothing: no header of a token.
std::optional<Header> read_header(std::string_view encoded) {
  const auto text = decode_base64url(encoded);
  if (!text) return std::nullopt;
  const auto object = parse_object(*text);
  if (!object) return std::nullopt;
  const json::value* const algorithm = object->if_contains("alg");
  if (algorithm == nullptr || !algorithm->is_string()) return std::nullopt;
  Header header;
  header.algorithm.assign(algorithm->get_string().begin(), algorithm->get_string().end());
  // [RFC 7515, 4.1.11]: what we don't know and must understand. libjwt would look over it.
  if (object->contains("crit")) header.fault = "the token's header demands an extension";
  // libjwt refuses others ("at+jwt" of RFC 9068 too), but without saying why.
  if (const json::value* const type = object->if_contains("typ")) {
    const bool is_jwt =
        type->is_string() && (type->get_string() == "JWT" || type->get_string() == "jwt");
    if (!is_jwt) header.fault = "the token's typ is not JWT";
  }
  if (const json::value* const id = object->if_contains("kid")) {
    if (!id->is_string()) return std::nullopt;
    header.key_id.emplace(id->get_string());
  }
  return header;
}

JwtVerdict refused(JwtFault fault, std::string_view reason,
                   ReasonCode code = ReasonCode::bad_user_name_or_password) {
  AuthResult result{code, reason};
  result.is_unknown = fault == JwtFault::not_a_token;
  return {fault, std::move(result)};
}

// Not every libjwt compares in constant time (CVE-2024-25189): it gets to compare right ones only.
bool hmac_fits(const std::string& secret, std::string_view text, std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
             &size) == nullptr) {
    return false;
  }
  return signature.size() == size && CRYPTO_memcmp(digest.data(), signature.data(), size) == 0;
}

jwt_alg_t libjwt_name(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::hs256:
      return JWT_ALG_HS256;
    case JwtAlgorithm::rs256:
      return JWT_ALG_RS256;
    case JwtAlgorithm::es256:
      return JWT_ALG_ES256;
  }
  return JWT_ALG_INVAL;
}

// The claims, once the signature was found right. `token` ends with a zero, as strings do.
std::optional<json::object> open_token(const std::string& token, const JwtKey& key) {
  jwt_t* decoded = nullptr;
  const int fault = ::jwt_decode(&decoded, token.c_str(),
                                 reinterpret_cast<const unsigned char*>(key.material.data()),
                                 static_cast<int>(key.material.size()));
  const TokenPtr owner(decoded, &::jwt_free);
  ::ERR_clear_error();
  // Out of memory it may answer 0 with a token that nobody looked at: its algorithm is none then.
  if (fault != 0 || !owner || ::jwt_get_alg(owner.get()) != libjwt_name(key.algorithm)) {
    return std::nullopt;
  }
  const TextPtr claims(::jwt_get_grants_json(owner.get(), nullptr), &std::free);
  return claims ? parse_object(claims.get()) : std::nullopt;
}

}  // namespace

Result<JwtVerifier> JwtVerifier::make(JwtSettings settings) {
  const auto invalid = [](std::string message) {
    return error(ErrorKind::invalid_argument, std::move(message));
  };
  if (settings.leeway_s > kLeewayMostSeconds) {
    return invalid("a token's leeway is at most " + std::to_string(kLeewayMostSeconds) + " s");
  }
  if (settings.token_bytes_max == 0 || settings.token_bytes_max > kTokenBytesMost) {
    return invalid("a token has at most " + std::to_string(kTokenBytesMost) + " bytes");
  }
  if (settings.user_name_claim.empty()) return invalid("no claim is set for the user name");
  return JwtVerifier(std::move(settings));
}

struct JwtVerifier::Screened {
  std::string_view signed_text;  // of the token
  std::string signature;         // decoded
  const JwtKey* key = nullptr;
};

JwtVerdict JwtVerifier::look_at(const AuthRequest& request, const JwtKeys& keys,
                                Screened& screened) const {
  constexpr std::string_view kNoToken = "the password is no JSON web token";
  if (!request.password) return refused(JwtFault::not_a_token, kNoToken);
  const std::string& token = *request.password;
  if (token.size() > settings_.token_bytes_max) {
    return refused(JwtFault::too_long, "the token is too long");
  }
  const auto parts = split(token);
  const auto header = parts ? read_header(parts->header) : std::nullopt;
  // libjwt writes behind the end of an empty part, and takes any character for base64.
  const auto payload = header ? decode_base64url(parts->payload) : std::nullopt;
  auto signature = payload ? decode_base64url(parts->signature) : std::nullopt;
  if (!signature) return refused(JwtFault::not_a_token, kNoToken);
  if (header->algorithm != to_text(settings_.algorithm)) {
    return refused(JwtFault::algorithm, "the token's algorithm is not the configured one");
  }
  if (!header->fault.empty()) return refused(JwtFault::algorithm, header->fault);
  if (payload->empty() || signature->empty() || payload->find('\0') != payload->npos) {
    return refused(JwtFault::signature, kForged);
  }
  screened.key = keys.find(settings_.algorithm, header->key_id);
  if (screened.key == nullptr) {
    return refused(JwtFault::key, "no key, or more than one, fits the token");
  }
  screened.signed_text = parts->signed_text;
  screened.signature = std::move(*signature);
  return {};
}

std::optional<JwtVerdict> JwtVerifier::screen(const AuthRequest& request,
                                              const JwtKeys& keys) const {
  Screened screened;
  JwtVerdict verdict = look_at(request, keys, screened);
  if (verdict.fault == JwtFault::none) return std::nullopt;
  return verdict;
}

JwtVerdict JwtVerifier::verify(const AuthRequest& request, const JwtKeys& keys,
                               std::uint64_t now_s) const {
  Screened screened;
  JwtVerdict verdict = look_at(request, keys, screened);
  if (verdict.fault != JwtFault::none) return verdict;
  CHECK(screened.key != nullptr);
  const JwtKey& key = *screened.key;
  if (key.algorithm == JwtAlgorithm::hs256 &&
      !hmac_fits(key.material, screened.signed_text, screened.signature)) {
    return refused(JwtFault::signature, kForged);
  }
  const auto claims = open_token(*request.password, key);
  if (!claims) return refused(JwtFault::signature, kForged);
  return judge_claims(*claims, request, settings_, now_s);
}

}  // namespace roost::auth
