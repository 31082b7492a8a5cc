// SPDX-License-Identifier: Apache-2.0
// deploy/docs/log-messages.md has every line at warn and error, and nothing that isn't written.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

constexpr const char* kTable = "deploy/docs/log-messages.md";
constexpr std::size_t kWorthMin = 9;  // shorter pieces of text stand anywhere

using Strings = std::vector<std::string>;

std::string squeezed(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool is_space = c == ' ' || c == '\n' || c == '\t';
    if (!is_space) result += c;
    if (is_space && !result.empty() && result.back() != ' ') result += ' ';
  }
  return result;
}

// Without what joins it to the rest of a line.
std::string bare(std::string_view text) {
  static constexpr std::string_view kJoints = " :;,.()";
  const std::size_t begin = text.find_first_not_of(kJoints);
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(kJoints) - begin + 1));
}

// The string literals of some code, neighbours joined.
Strings literals_of(const std::string& code) {
  static const std::regex kJoint("\"\\s*\n\\s*\"");
  static const std::regex kLiteral(R"re("((?:[^"\\]|\\.)*)")re");
  const std::string joined = std::regex_replace(code, kJoint, "");
  Strings literals;
  for (std::sregex_iterator at(joined.begin(), joined.end(), kLiteral), end; at != end; ++at) {
    literals.push_back(squeezed((*at)[1].str()));
  }
  return literals;
}

std::string text_of(const SourceFile& file) {
  std::string text;
  for (const std::string& line : file.lines) text += line + "\n";
  return text;
}

// Statements that write a line, or say what will stand in one.
Strings statements_of(const SourceFile& file) {
  static const std::regex kBegin(
      R"((write|log)\((LogLevel::(warn|error)|left_s)|\bsay\(|[>._ ]raise\(|stop\(Alarm|)"
      R"(warnings\.emplace_back\()");
  const std::string text = text_of(file);
  Strings found;
  for (std::sregex_iterator at(text.begin(), text.end(), kBegin), end; at != end; ++at) {
    const auto from = static_cast<std::size_t>(at->position());
    found.push_back(text.substr(from, text.find(";\n", from) - from));
  }
  return found;
}

struct Row {
  std::string message;
  std::string advice;
};

std::vector<Row> rows() {
  static const std::regex kRow(R"(^\| (warn|error|alarm) \| `([^`]+)` \| (.+) \|$)");
  std::vector<Row> found;
  for (const std::string& line : make_source("table", read_text(kTable)).lines) {
    std::smatch parts;
    if (std::regex_match(line, parts, kRow)) found.push_back({parts[2], parts[3]});
  }
  return found;
}

TEST(LogMessages, EachHasARowThatSaysWhatToDo) {
  const std::string table = squeezed(read_text(kTable));
  ASSERT_FALSE(table.empty()) << "run from the repository's root";
  Strings faults;
  std::size_t looked_at = 0;
  for (const SourceFile& file : read_sources(product_folders())) {
    // These talk to who asks.
    if (starts_with_any(file.path, {"broker/cli/", "broker/http/"})) continue;
    for (const std::string& statement : statements_of(file)) {
      for (const std::string& literal : literals_of(statement)) {
        const std::string piece = bare(literal);
        if (piece.size() < kWorthMin) continue;
        ++looked_at;
        if (table.find(piece) == std::string::npos) {
          faults.push_back(file.path + ": \"" + piece + "\" has no row in " + kTable);
        }
      }
    }
  }
  EXPECT_GT(looked_at, 40U);
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(LogMessages, EachRowIsWritten) {
  std::string all;
  for (const SourceFile& file : read_sources(product_folders())) {
    for (const std::string& literal : literals_of(text_of(file))) all += literal + "\n";
  }
  const std::vector<Row> found = rows();
  EXPECT_GT(found.size(), 50U);
  for (const Row& row : found) {
    EXPECT_GT(row.advice.size(), 5U) << row.message;
    std::string_view rest = row.message;
    while (!rest.empty()) {
      const std::size_t gap = std::min(rest.find("..."), rest.size());
      const std::string piece = bare(rest.substr(0, gap));
      rest.remove_prefix(std::min(gap + 3, rest.size()));
      if (piece.size() < kWorthMin) continue;
      EXPECT_NE(all.find(piece), std::string::npos) << "nobody writes \"" << piece << "\"";
    }
  }
}

TEST(LogMessages, LiteralsAreJoined) {
  EXPECT_EQ(literals_of("write(\"a \"\n      \"b\" + c + \" d\\\"\");"), (Strings{"a b", "d\\\""}));
  EXPECT_EQ(bare(": not registered: "), "not registered");
}

}  // namespace
}  // namespace roost::tidy
