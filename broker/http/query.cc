// SPDX-License-Identifier: Apache-2.0
#include "broker/http/query.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "broker/mqtt/utf8.h"

namespace roost::http {

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      unsigned byte = 0;
      const std::string_view digits = text.substr(i + 1, 2);
      const auto [end, fault] =
          std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (fault != std::errc() || digits.size() != 2 || end != digits.data() + 2) {
        return std::nullopt;
      }
      out += static_cast<char>(byte);
      i += 2;
    }
  }
  if (!mqtt::is_valid_utf8(out)) return std::nullopt;
  return out;
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = percent_decode(
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1), true);
    if (!name || !value) {
      const std::string shown = mqtt::is_valid_utf8(part) ? "\"" + std::string(part) + "\"" : "?";
      return error(ErrorKind::invalid_argument,
                   shown + ": behind '%' stand two hex digits, and all is UTF-8");
    }
    query.parameters_.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

Query Query::without(std::string_view name) const {
  Query rest;
  std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(rest.parameters_),
               [name](const auto& one) { return one.first != name; });
  return rest;
}

const std::string* Query::find(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<std::uint64_t> Query::number(std::string_view name, std::uint64_t otherwise,
                                    std::uint64_t min, std::uint64_t max) const {
  const std::string* const text = find(name);
  if (text == nullptr) return otherwise;
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (fault != std::errc() || end != text->data() + text->size() || number < min || number > max) {
    return error(ErrorKind::invalid_argument, std::string(name) + " is \"" + *text +
                                                  "\"; allowed are " + std::to_string(min) +
                                                  " to " + std::to_string(max));
  }
  return number;
}

Result<std::optional<bool>> Query::flag(std::string_view name) const {
  const std::string* const text = find(name);
  if (text == nullptr) return std::optional<bool>();
  if (*text == "true" || *text == "1") return std::optional<bool>(true);
  if (*text == "false" || *text == "0") return std::optional<bool>(false);
  return error(ErrorKind::invalid_argument,
               std::string(name) + " is \"" + *text + "\"; allowed are true and false");
}

Result<void> Query::expect_only(const std::vector<std::string_view>& known) const {
  for (const auto& [key, value] : parameters_) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string allowed;
    for (const std::string_view name : known) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(name);
    }
    return error(ErrorKind::invalid_argument,
                 "there is no parameter \"" + key + "\"" +
                     (allowed.empty() ? "" : "; allowed are " + allowed));
  }
  return {};
}

}  // namespace roost::http
