// SPDX-License-Identifier: Apache-2.0
#include "broker/server/otel_check.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "broker/base/file.h"
#include "broker/http/web_url.h"

namespace roost::server {

namespace {

constexpr std::uint64_t kAll = std::uint64_t{1} << 32;
constexpr std::size_t kHeadersMax = 64;
constexpr std::size_t kHeaderFileMax = 64 * 1024;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// RFC 9110 "token"; and none that says how the request itself is to be read.
bool is_own_header(std::string_view name) {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  const auto is_token = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSigns.find(c) != std::string_view::npos;
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_token)) return false;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const char* taken :
       {"host", "content-length", "content-type", "transfer-encoding", "connection"}) {
    if (lower == taken) return false;
  }
  return true;
}

bool is_plain(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c == '\t' || (c >= 0x20 && c < 0x7f); });
}

}  // namespace

Result<WebHeaders> parse_headers(std::string_view text, const std::string& file_name) {
  WebHeaders headers;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto bad = [&](const char* what) {
      return error(ErrorKind::invalid_argument,
                   file_name + ":" + std::to_string(number) + ": " + what);
    };
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header is written as \"Name: value\"");
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (!is_own_header(name)) return bad("that is no header that can be set here");
    if (!is_plain(value)) return bad("a value is of ASCII letters, digits, signs and blanks");
    if (headers.size() >= kHeadersMax) return bad("there are at most 64 headers");
    headers.emplace_back(name, value);
  }
  return headers;
}

Result<std::uint64_t> parse_fraction(std::string_view text) {
  double value = -1;
  const auto [end, failed] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (failed != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= 1)) {
    return error(ErrorKind::invalid_argument,
                 "\"" + std::string(text) + "\" is no fraction; from 0 to 1, like 0.01");
  }
  return static_cast<std::uint64_t>(std::llround(value * static_cast<double>(kAll)));
}

Result<WebHeaders> read_headers(const std::string& path) {
  if (path.empty()) return WebHeaders();
  const auto text = base::read_file(path, kHeaderFileMax);
  if (!text) return Unexpected(text.error());
  return parse_headers(*text, path);
}

void check_otel(const OtelConfig& otel,
                const std::function<void(const std::string& path, const std::string& text)>& add) {
  if (otel.is_on()) {
    const auto url = http::parse_web_url(otel.endpoint);
    if (!url) {
      add("otel.endpoint", url.error().message);
    } else if (otel.endpoint.find('?') != std::string::npos) {
      add("otel.endpoint", "/v1/traces comes behind it, so it can't have a query");
    }
  }
  if (const auto sampled = parse_fraction(otel.sample); !sampled) {
    add("otel.sample", sampled.error().message);
  }
  const auto headers = read_headers(otel.headers_file);
  // What can't be read at all is said of every file alike.
  if (!headers && headers.error().kind == ErrorKind::invalid_argument) {
    add("otel.headers_file", headers.error().message);
  }
}

}  // namespace roost::server
