// SPDX-License-Identifier: Apache-2.0
#include "broker/net/peer_info.h"

#include <utility>

namespace roost::net {

namespace {

using Field = std::string CertificateNames::*;

struct Placeholder {
  std::string_view text;
  Field field;
};
constexpr Placeholder kPlaceholders[] = {{"%cn", &CertificateNames::common_name},
                                         {"%dns", &CertificateNames::dns},
                                         {"%email", &CertificateNames::email},
                                         {"%uri", &CertificateNames::uri},
                                         {"%serial", &CertificateNames::serial}};

// The one that `text` begins with; null: none.
const Placeholder* placeholder_at(std::string_view text) {
  for (const Placeholder& one : kPlaceholders) {
    if (text.starts_with(one.text)) return &one;
  }
  return nullptr;
}

}  // namespace

std::string_view host_of(std::string_view address) {
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    return end == address.npos ? address : address.substr(1, end - 1);
  }
  const std::size_t colon = address.rfind(':');
  return colon == address.npos ? std::string_view() : address.substr(0, colon);
}

std::string fill_in(std::string_view pattern, const CertificateNames& names) {
  std::string filled;
  while (!pattern.empty()) {
    if (pattern.starts_with("%%")) {
      filled += '%';
      pattern.remove_prefix(2);
      continue;
    }
    const Placeholder* const found = placeholder_at(pattern);
    if (found == nullptr) {
      filled += pattern.front();
      pattern.remove_prefix(1);
      continue;
    }
    const std::string& value = names.*(found->field);
    if (value.empty()) return {};
    filled += value;
    pattern.remove_prefix(found->text.size());
  }
  return filled;
}

Result<void> check_pattern(std::string_view pattern) {
  bool has_one = false;
  for (std::string_view rest = pattern; !rest.empty();) {
    const bool is_percent = rest.starts_with("%%");
    const Placeholder* const found = is_percent ? nullptr : placeholder_at(rest);
    if (rest.front() == '%' && !is_percent && found == nullptr) {
      return error(ErrorKind::invalid_argument,
                   "\"" + std::string(rest) +
                       "\" begins with no placeholder: %cn, %dns, %email, %uri, %serial, or %% for "
                       "a percent sign");
    }
    has_one |= found != nullptr;
    rest.remove_prefix(is_percent ? 2 : found != nullptr ? found->text.size() : 1);
  }
  if (has_one) return {};
  return error(ErrorKind::invalid_argument,
               "\"" + std::string(pattern) +
                   "\" would give every certificate the same user name: it needs one of %cn, %dns, "
                   "%email, %uri, %serial");
}

}  // namespace roost::net
