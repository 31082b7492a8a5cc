// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwt_claims.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <memory>
#include <optional>
#include <utility>

#include "broker/auth/request_identity.h"
#include "broker/mqtt/utf8.h"

namespace roost::auth {

namespace {

namespace json = boost::json;
using mqtt::ReasonCode;

constexpr double kTimeMostSeconds = 1e15;  // whole seconds are exact in a double, and in JSON

std::string_view text_of(const json::string& text) { return {text.data(), text.size()}; }

// RFC 7519, 2: a NumericDate may have a fraction.
std::optional<std::uint64_t> time_of(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  const double seconds = value.to_number<double>();
  if (!(seconds >= 0 && seconds <= kTimeMostSeconds)) return std::nullopt;
  return static_cast<std::uint64_t>(seconds);
}

// Empty: valid now.
std::string_view time_fault(const json::object& claims, const JwtSettings& settings,
                            std::uint64_t now_s, std::uint64_t& expires_at_s) {
  const json::value* const expiry = claims.if_contains("exp");
  if (expiry == nullptr) return "the token never expires";
  const auto end = time_of(*expiry);
  if (!end) return "the token's exp is no time";
  expires_at_s = *end + settings.leeway_s;
  if (now_s >= expires_at_s) return "the token has expired";
  if (const json::value* const begin = claims.if_contains("nbf")) {
    const auto start = time_of(*begin);
    if (!start) return "the token's nbf is no time";
    // A fraction counts as a begun second.
    const bool has_fraction = static_cast<double>(*start) < begin->to_number<double>();
    if (now_s + settings.leeway_s < *start + (has_fraction ? 1 : 0)) {
      return "the token isn't valid yet";
    }
  }
  return {};
}

bool is_text(const json::value* value, std::string_view wanted) {
  return value != nullptr && value->is_string() && text_of(value->get_string()) == wanted;
}

bool names_audience(const json::value& value, std::string_view wanted) {
  if (!value.is_array()) return is_text(&value, wanted);
  for (const json::value& one : value.get_array()) {
    if (is_text(&one, wanted)) return true;
  }
  return false;
}

// Empty: it is for us.
std::string_view address_fault(const json::object& claims, const AuthRequest& request,
                               const JwtSettings& settings) {
  if (!settings.issuer.empty() && !is_text(claims.if_contains("iss"), settings.issuer)) {
    return "the token is of another issuer";
  }
  const json::value* const audience = claims.if_contains("aud");
  if (settings.audience.empty()) {
    // [RFC 7519, 4.1.3]: who isn't named must refuse it.
    if (audience != nullptr) return "the token names an audience and none is configured";
  } else if (audience == nullptr || !names_audience(*audience, settings.audience)) {
    return "the token is for another audience";
  }
  if (!settings.client_id_claim.empty() &&
      !is_text(claims.if_contains(settings.client_id_claim), request.client_id)) {
    return "the token is for another client id";
  }
  return {};
}

// False: not what groups look like.
bool read_groups(const json::value* value, std::vector<std::string>& groups) {
  if (value == nullptr || value->is_null()) return true;
  if (value->is_string()) {
    groups.emplace_back(text_of(value->get_string()));
    return true;
  }
  if (!value->is_array() || value->get_array().size() > kTokenGroupsMax) return false;
  for (const json::value& one : value->get_array()) {
    if (!one.is_string()) return false;
    groups.emplace_back(text_of(one.get_string()));
  }
  return true;
}

// False: too many.
bool read_claims(const json::object& claims, const JwtSettings& settings, Identity& identity) {
  for (const auto& [name, value] : claims) {
    const std::string_view key(name.data(), name.size());
    if (key == settings.rules_claim || key == settings.groups_claim) continue;
    if (!value.is_string() && !value.is_number()) continue;
    if (identity.claims.size() == kTokenClaimsMax) return false;
    identity.claims.emplace_back(
        key, value.is_string() ? std::string(text_of(value.get_string())) : json::serialize(value));
  }
  return true;
}

JwtVerdict refused(JwtFault fault, std::string_view reason) {
  return {fault, {ReasonCode::bad_user_name_or_password, reason}};
}

}  // namespace

JwtVerdict judge_claims(const json::object& claims, const AuthRequest& request,
                        const JwtSettings& settings, std::uint64_t now_s) {
  auto identity = std::make_shared<Identity>(identity_of(request));
  if (const auto why = time_fault(claims, settings, now_s, identity->expires_at_s); !why.empty()) {
    return refused(JwtFault::expired, why);
  }
  if (const auto why = address_fault(claims, request, settings); !why.empty()) {
    return refused(JwtFault::claims, why);
  }
  const json::value* const user = claims.if_contains(settings.user_name_claim);
  if (user == nullptr || !user->is_string() || user->get_string().empty() ||
      !mqtt::is_valid_name(text_of(user->get_string()))) {
    return refused(JwtFault::claims, "the token has no usable user name");
  }
  identity->user_name = text_of(user->get_string());
  if (!settings.groups_claim.empty() &&
      !read_groups(claims.if_contains(settings.groups_claim), identity->groups)) {
    return refused(JwtFault::claims, "the token's groups are no list of texts, or too many");
  }
  if (!read_claims(claims, settings, *identity)) {
    return refused(JwtFault::claims, "the token has too many claims");
  }
  if (!settings.rules_claim.empty()) {
    const json::value* const rules = claims.if_contains(settings.rules_claim);
    if (rules != nullptr && !rules->is_null()) identity->own_rules = json::serialize(*rules);
  }
  AuthResult in;
  in.identity = std::move(identity);
  return {JwtFault::none, std::move(in)};
}

}  // namespace roost::auth
