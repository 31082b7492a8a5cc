// SPDX-License-Identifier: Apache-2.0
// Columns for people. What came from clients or other nodes can't drive the terminal.
// Thread: any thread (pure).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/admin/words.h"

namespace roost::cli {

using TableRow = std::vector<std::string>;

inline std::string cell(const std::string& text) {
  return text.empty() ? "-" : admin::printable(text);
}
inline std::string cell(std::uint64_t number) { return std::to_string(number); }

// Requires: one row at least, all of one length.
inline void put_table(std::string& out, const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const TableRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const TableRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_last = i + 1 == row.size();
      out += row[i] + (is_last ? "\n" : std::string(widths[i] + 2 - row[i].size(), ' '));
    }
  }
}

}  // namespace roost::cli
