// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/auth/base64url.h"

namespace roost::auth {

namespace {

namespace json = boost::json;
using NumberPtr = std::unique_ptr<BIGNUM, decltype(&::BN_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;
using ContextPtr = std::unique_ptr<EVP_PKEY_CTX, decltype(&::EVP_PKEY_CTX_free)>;
using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, decltype(&::OSSL_PARAM_BLD_free)>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, decltype(&::OSSL_PARAM_free)>;

constexpr std::size_t kNumberBytesMax = 2 * kRsaBitsMax / 8;
constexpr std::size_t kKeyIdBytesMax = 256;
constexpr std::size_t kCoordinateBytes = 32;  // of P-256 [RFC 7518, 6.2.1.2]

Unexpected<Error> invalid(std::string message) {
  return error(ErrorKind::invalid_argument, std::move(message));
}

// Nothing: not there, or no text.
std::optional<std::string_view> text_in(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const json::string& text = value->get_string();
  return std::string_view(text.data(), text.size());
}

std::optional<std::string> bytes_in(const json::object& object, std::string_view name) {
  const auto text = text_in(object, name);
  return text ? decode_base64url(*text) : std::nullopt;
}

const unsigned char* data_of(const std::string& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// `build` puts the key's numbers in. Null: OpenSSL takes it for no key.
template <typename Build>
KeyPtr make_key(const char* type, Build build) {
  const BuilderPtr builder(::OSSL_PARAM_BLD_new(), &::OSSL_PARAM_BLD_free);
  const ContextPtr context(::EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr),
                           &::EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (builder && context && build(*builder)) {
    const ParamsPtr params(::OSSL_PARAM_BLD_to_param(builder.get()), &::OSSL_PARAM_free);
    if (!params || ::EVP_PKEY_fromdata_init(context.get()) != 1 ||
        ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
      key = nullptr;
    }
  }
  ::ERR_clear_error();
  return KeyPtr(key, &::EVP_PKEY_free);
}

Result<JwtKey> read_rsa(const json::object& object) {
  const auto modulus = bytes_in(object, "n");
  const auto exponent = bytes_in(object, "e");
  if (!modulus || !exponent || modulus->size() > kNumberBytesMax || exponent->size() > 8) {
    return invalid("an RSA key without a usable n and e");
  }
  const auto number = [](const std::string& bytes) {
    return NumberPtr(::BN_bin2bn(data_of(bytes), static_cast<int>(bytes.size()), nullptr),
                     &::BN_free);
  };
  const NumberPtr n = number(*modulus);
  const NumberPtr e = number(*exponent);
  // With e = 1 anything would be its own signature.
  if (!n || !e || BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) != 0) {
    return invalid("an RSA key whose n or e is no key's");
  }
  const KeyPtr key = make_key("RSA", [&](OSSL_PARAM_BLD& builder) {
    return ::OSSL_PARAM_BLD_push_BN(&builder, OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
           ::OSSL_PARAM_BLD_push_BN(&builder, OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
  });
  if (!key) return invalid("an RSA key that OpenSSL doesn't take");
  return make_public_key(*key);
}

Result<JwtKey> read_ec(const json::object& object) {
  if (text_in(object, "crv") != "P-256") return invalid("an EC key that isn't on P-256");
  const auto x = bytes_in(object, "x");
  const auto y = bytes_in(object, "y");
  if (!x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) {
    return invalid("an EC key without a usable x and y");
  }
  const std::string point = "\x04" + *x + *y;  // uncompressed
  const KeyPtr key = make_key("EC", [&](OSSL_PARAM_BLD& builder) {
    return ::OSSL_PARAM_BLD_push_utf8_string(&builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1",
                                             0) == 1 &&
           ::OSSL_PARAM_BLD_push_octet_string(&builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                              point.size()) == 1;
  });
  if (!key) return invalid("an EC key that is no point of P-256");
  return make_public_key(*key);
}

Result<JwtKey> read_kind(const json::object& object) {
  const auto kind = text_in(object, "kty");
  if (kind == "RSA") return read_rsa(object);
  if (kind == "EC") return read_ec(object);
  if (kind != "oct") return invalid("a key whose kty is neither RSA, EC nor oct");
  const auto secret = bytes_in(object, "k");
  if (!secret) return invalid("a secret without a usable k");
  return make_secret_key(*secret);
}

bool is_for_verifying(const json::object& object) {
  const json::value* const operations = object.if_contains("key_ops");
  if (operations == nullptr) return true;
  if (!operations->is_array()) return false;
  const auto& list = operations->get_array();
  return std::any_of(list.begin(), list.end(), [](const json::value& operation) {
    return operation.is_string() && operation.get_string() == "verify";
  });
}

Result<JwtKey> read_key(const json::value& value) {
  if (!value.is_object()) return invalid("a key that is no object");
  const json::object& object = value.get_object();
  if ((object.contains("use") && text_in(object, "use") != "sig") || !is_for_verifying(object)) {
    return invalid("a key that isn't for signatures");
  }
  const auto id = text_in(object, "kid");
  if (object.contains("kid") && (!id || id->size() > kKeyIdBytesMax)) {
    return invalid("a key whose kid is no text, or a long one");
  }
  auto key = read_kind(object);
  if (!key) return key;
  if (object.contains("alg") && text_in(object, "alg") != to_text(key->algorithm)) {
    return invalid("a key for another algorithm than " + std::string(to_text(key->algorithm)));
  }
  if (id) key->id = *id;
  return key;
}

// The set's own words go into logs: no control characters.
std::string name_of(const json::value& value, std::size_t at) {
  const auto id = value.is_object() ? text_in(value.get_object(), "kid") : std::nullopt;
  const bool is_plain = id && id->size() <= 64 && std::all_of(id->begin(), id->end(), [](char c) {
                          return c > ' ' && c < '\x7F';
                        });
  return is_plain ? "key " + std::string(*id) : "key " + std::to_string(at + 1) + " of the set";
}

}  // namespace

Result<Jwks> parse_jwks(std::string_view text) {
  if (text.size() > kJwksBytesMax) {
    return error(ErrorKind::resource_exhausted,
                 "a key set has at most " + std::to_string(kJwksBytesMax) + " bytes");
  }
  json::error_code fault;
  json::parse_options options;
  options.max_depth = 16;
  const json::value set = json::parse({text.data(), text.size()}, fault, {}, options);
  const json::value* const list =
      !fault && set.is_object() ? set.get_object().if_contains("keys") : nullptr;
  if (list == nullptr || !list->is_array()) {
    return invalid("this is no key set: {\"keys\": [...]} in JSON is expected");
  }
  const json::array& values = list->get_array();
  if (values.size() > kJwksKeysMax) {
    return error(ErrorKind::resource_exhausted,
                 "a key set has at most " + std::to_string(kJwksKeysMax) + " keys");
  }
  Jwks jwks;
  std::vector<JwtKey> keys;
  for (std::size_t at = 0; at < values.size(); ++at) {
    auto key = read_key(values[at]);
    if (key) {
      keys.push_back(std::move(key).value());
    } else {
      jwks.left_out.push_back(name_of(values[at], at) + ": " + key.error().message);
    }
  }
  if (keys.empty()) {
    return invalid("the set has no usable key" +
                   (jwks.left_out.empty() ? std::string() : "; " + jwks.left_out.front()));
  }
  jwks.keys = std::make_shared<const JwtKeys>(std::move(keys), true);
  return jwks;
}

}  // namespace roost::auth
