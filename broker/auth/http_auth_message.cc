// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/http_auth_message.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <array>
#include <utility>

#include "broker/mqtt/utf8.h"

namespace roost::auth {

namespace {

namespace json = boost::json;

Unexpected<Error> broken(std::string why) { return error(ErrorKind::corrupt, std::move(why)); }

void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= 0 && c < ' ') {
      out += "\\u00";
      out += kHex[static_cast<std::size_t>(c) >> 4];
      out += kHex[static_cast<std::size_t>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_field(std::string& out, std::string_view name, const std::string* text) {
  out += out.size() == 1 ? "\"" : ",\"";
  out += name;
  out += "\":";
  if (text == nullptr) {
    out += "null";
  } else {
    append_quoted(out, *text);
  }
}

// JSON has no bytes: a password that is no text goes as base64, under another name.
void append_password(std::string& out, const std::string& password) {
  if (mqtt::is_valid_utf8(password)) {
    append_field(out, "password", &password);
    return;
  }
  std::string text((password.size() + 2) / 3 * 4 + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(password.data()),
                                     static_cast<int>(password.size()));
  text.resize(static_cast<std::size_t>(size));
  append_field(out, "password_base64", &text);
  OPENSSL_cleanse(text.data(), text.size());
}

const std::string* text_or_null(const std::string& text) {
  return text.empty() || !mqtt::is_valid_utf8(text) ? nullptr : &text;
}

std::string_view text_of(const json::value& value) {
  const json::string& text = value.get_string();
  return {text.data(), text.size()};
}

Result<HttpAuthResult> read_result(const json::object& object) {
  constexpr std::array<std::pair<std::string_view, HttpAuthResult>, 3> kResults = {
      {{"allow", HttpAuthResult::allow},
       {"deny", HttpAuthResult::deny},
       {"ignore", HttpAuthResult::ignore}}};
  const json::value* const result = object.if_contains("result");
  if (result != nullptr && result->is_string()) {
    for (const auto& [name, value] : kResults) {
      if (text_of(*result) == name) return value;
    }
  }
  return broken("result is none of allow, deny and ignore");
}

Result<void> read_groups(const json::value& value, std::vector<std::string>& groups) {
  if (!value.is_array() || value.get_array().size() > kHttpGroupsMax) {
    return broken("groups is no list, or a long one");
  }
  for (const json::value& one : value.get_array()) {
    if (!one.is_string()) return broken("groups holds something else than texts");
    groups.emplace_back(text_of(one));
  }
  return {};
}

// What isn't there, or null, stays as it is.
Result<void> read_rest(const json::object& object, HttpAuthAnswer& answer) {
  const auto field = [&](std::string_view name) -> const json::value* {
    const json::value* const value = object.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  };
  if (const json::value* const name = field("user_name")) {
    if (!name->is_string() || !mqtt::is_valid_name(text_of(*name))) {
      return broken("user_name is no name");
    }
    answer.identity.user_name = text_of(*name);
  }
  if (const json::value* const groups = field("groups")) {
    if (auto read = read_groups(*groups, answer.identity.groups); !read) return read;
  }
  if (const json::value* const rules = field("acl")) {
    answer.identity.own_rules = json::serialize(*rules);
  }
  if (const json::value* const expiry = field("expires_in")) {
    json::error_code fault;
    answer.expires_in_s = expiry->is_number() ? expiry->to_number<std::uint64_t>(fault) : 0;
    if (fault || answer.expires_in_s == 0 || answer.expires_in_s > kHttpExpiryMaxSeconds) {
      return broken("expires_in is no number of seconds");
    }
  }
  return {};
}

}  // namespace

std::string http_auth_question(const AuthRequest& request, std::string_view address) {
  std::string out;
  const std::size_t password_size = request.password ? request.password->size() : 0;
  const std::size_t name_size = request.user_name ? request.user_name->size() : 0;
  // The dearest character takes six bytes: no growth, so no copy of a password is left behind.
  out.reserve(200 +
              6 * (request.client_id.size() + name_size + password_size + request.listener.size() +
                   address.size() + request.certificate_common_name.size()));
  out += '{';
  append_field(out, "client_id", &request.client_id);
  append_field(out, "user_name", request.user_name ? &*request.user_name : nullptr);
  if (request.password) {
    append_password(out, *request.password);
  } else {
    append_field(out, "password", nullptr);
  }
  append_field(out, "listener", text_or_null(request.listener));
  const std::string place(address);
  append_field(out, "address", text_or_null(place));
  append_field(out, "common_name", text_or_null(request.certificate_common_name));
  out += '}';
  return out;
}

Result<HttpAuthAnswer> read_http_auth_answer(std::string_view body, const std::string& user_name) {
  if (body.size() > kHttpAnswerBytesMax) return broken("the answer is too long");
  json::error_code fault;
  json::parse_options options;
  options.max_depth = 16;
  const json::value value = json::parse({body.data(), body.size()}, fault, {}, options);
  if (fault || !value.is_object()) return broken("the answer is no JSON object");
  const json::object& object = value.get_object();
  const auto result = read_result(object);
  if (!result) return Unexpected(Error(result.error()));
  HttpAuthAnswer answer;
  answer.result = *result;
  answer.identity.user_name = user_name;
  if (answer.result != HttpAuthResult::allow) return answer;
  if (auto read = read_rest(object, answer); !read) return Unexpected(Error(read.error()));
  return answer;
}

}  // namespace roost::auth
