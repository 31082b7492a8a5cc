// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace roost::cli::bench {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + '"';
}

}  // namespace

std::string grouped(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ' ';
    out += digits[i];
  }
  return out;
}

void Report::text(std::string key, std::string label, std::string value) {
  rows_.push_back({std::move(key), std::move(label), std::move(value), "", true});
}

void Report::count(std::string key, std::string label, std::uint64_t value) {
  rows_.push_back({std::move(key), std::move(label), std::to_string(value), "", false});
}

void Report::number(std::string key, std::string label, double value, int decimals,
                    std::string_view unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, std::isfinite(value) ? value : 0.0);
  rows_.push_back({std::move(key), std::move(label), text, std::string(unit), false});
}

std::string Report::table() const {
  std::size_t width = 0;
  for (const Row& row : rows_) width = std::max(width, row.label.size());
  std::string out;
  for (const Row& row : rows_) {
    out += "  " + row.label + std::string(width + 2 - row.label.size(), ' ');
    const bool whole =
        !row.is_text && row.value.find('.') == std::string::npos && row.value.front() != '-';
    out += whole ? grouped(std::stoull(row.value)) : row.value;
    if (!row.unit.empty()) out += ' ' + row.unit;
    out += '\n';
  }
  return out;
}

std::string Report::json() const {
  std::string out = "{";
  for (const Row& row : rows_) {
    if (out.size() > 1) out += ", ";
    out += quoted(row.key) + ": " + (row.is_text ? quoted(row.value) : row.value);
  }
  return out + "}\n";
}

}  // namespace roost::cli::bench
