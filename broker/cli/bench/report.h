// SPDX-License-Identifier: Apache-2.0
// What a run found out: rows in order, printed as a table for people or as one JSON object.
// Thread: own thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace roost::cli::bench {

class Report {
 public:
  // `key` names the value in JSON, `label` in the table.
  void text(std::string key, std::string label, std::string value);
  void count(std::string key, std::string label, std::uint64_t value);
  void number(std::string key, std::string label, double value, int decimals,
              std::string_view unit = "");

  std::string table() const;
  std::string json() const;

 private:
  struct Row {
    std::string key, label, value, unit;
    bool is_text = false;
  };
  std::vector<Row> rows_;
};

// 1234567 -> "1 234 567".
std::string grouped(std::uint64_t value);

}  // namespace roost::cli::bench
