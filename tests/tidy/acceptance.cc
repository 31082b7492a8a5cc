// SPDX-License-Identifier: Apache-2.0
#include "tests/tidy/acceptance.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>

#include "tests/tidy/source_file.h"

namespace roost::tidy {

namespace {

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// The cells of "| a | b |"; "\|" is a bar inside a cell.
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  std::string cell;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cell += line[++i];
    } else if (line[i] == '|') {
      cells.push_back(trimmed(cell));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return cells;
}

std::vector<std::string> gtest_sources() {
  std::vector<std::string> texts;
  for (const SourceFile& file : read_sources({"tests"})) {
    if (file.path.ends_with("_test.cc")) texts.push_back(read_text(file.path));
  }
  return texts;
}

bool is_known_result(const std::string& result) {
  static const std::set<std::string> kResults = {"open", "pass", "missed"};
  return kResults.contains(result);
}

}  // namespace

std::vector<AcceptanceRow> parse_acceptance(std::string_view markdown) {
  std::vector<AcceptanceRow> rows;
  const SourceFile file = make_source("", markdown);
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const std::string& line = file.lines[i];
    if (!line.starts_with("|") || line.starts_with("| id ") || line.starts_with("| ---")) continue;
    std::vector<std::string> cells = cells_of(line);
    AcceptanceRow row;
    row.line = static_cast<int>(i) + 1;
    if (cells.size() == 6) {
      row = {cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], row.line};
    } else if (!cells.empty()) {
      row.id = cells[0];
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::string> evidence_ids(std::string_view evidence) {
  static const std::regex kId("`((gtest|py|cmd):[^`]+)`");
  std::vector<std::string> ids;
  const std::string text(evidence);
  for (std::sregex_iterator it(text.begin(), text.end(), kId), end; it != end; ++it) {
    ids.push_back((*it)[1]);
  }
  return ids;
}

std::vector<std::string> acceptance_faults(const std::vector<AcceptanceRow>& rows,
                                           const std::function<bool(const std::string&)>& exists) {
  static const std::regex kDate(R"(\d{4}-\d{2}-\d{2})");
  static const std::regex kCommit("[0-9a-f]{7,40}");
  std::vector<std::string> faults;
  std::set<std::string> seen;
  for (const AcceptanceRow& row : rows) {
    const auto complain = [&](const std::string& what) {
      faults.push_back("ACCEPTANCE.md:" + std::to_string(row.line) + ": " + row.id + ": " + what);
    };
    if (row.id.empty() || !seen.insert(row.id).second)
      complain("an id that is empty or used twice");
    if (!is_known_result(row.result)) complain("the result is none of open, pass, missed");
    if (row.sentence.empty()) complain("no sentence");
    const auto ids = evidence_ids(row.evidence);
    for (const std::string& id : ids) {
      if (!exists(id)) complain(id + " doesn't exist");
    }
    if (row.result != "pass") continue;
    if (ids.empty()) complain("passed without a test or command");
    if (!std::regex_match(row.date, kDate)) complain("passed without a date");
    if (!std::regex_match(row.commit, kCommit)) complain("passed without a commit");
  }
  return faults;
}

bool declares_gtest(std::string_view source, std::string_view suite, std::string_view name) {
  const std::string pattern =
      "TEST(_F|_P)?\\(\\s*" + std::string(suite) + "\\s*,\\s*" + std::string(name) + "\\s*\\)";
  return std::regex_search(source.begin(), source.end(), std::regex(pattern));
}

bool declares_python_test(std::string_view source, std::string_view suite, std::string_view name) {
  const std::string head = "\nclass " + std::string(suite);
  const std::string text = "\n" + std::string(source);
  // Not one whose name only begins so.
  const size_t start = std::min(text.find(head + "("), text.find(head + ":"));
  if (start == std::string::npos) return false;
  const size_t end = text.find("\nclass ", start + 1);
  const std::string body = text.substr(start, end == std::string::npos ? end : end - start);
  return body.find("def " + std::string(name) + "(") != std::string::npos;
}

bool evidence_exists(const std::string& id) {
  static const std::vector<std::string> kTests = gtest_sources();
  std::smatch match;
  if (std::regex_match(id, match, std::regex(R"(gtest:(\w+)\.(\w+))"))) {
    const std::string suite = match[1], name = match[2];
    return std::any_of(kTests.begin(), kTests.end(), [&](const std::string& source) {
      return source.find(name) != std::string::npos && declares_gtest(source, suite, name);
    });
  }
  if (std::regex_match(id, match, std::regex(R"(py:([\w/.-]+)::(\w+)\.(\w+))"))) {
    return declares_python_test(read_text(match[1]), match[2].str(), match[3].str());
  }
  if (std::regex_match(id, match, std::regex(R"(py:([\w/.-]+)::(\w+))"))) {
    return read_text(match[1]).find("def " + match[2].str() + "(") != std::string::npos;
  }
  if (std::regex_match(id, match, std::regex(R"(cmd:(\S+)(\s.*)?)"))) {
    const std::string program = match[1];
    return program == "roost" || program.ends_with("/roost") || std::filesystem::exists(program);
  }
  return false;
}

}  // namespace roost::tidy
