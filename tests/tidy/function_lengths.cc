// SPDX-License-Identifier: Apache-2.0
#include "tests/tidy/function_lengths.h"

#include <cctype>
#include <regex>

namespace roost::tidy {

namespace {

// The code alone: comments, literals and preprocessor lines blanked out, line breaks kept.
class CodeOnly {
 public:
  explicit CodeOnly(const SourceFile& file) {
    bool continued = false;  // the line before was a directive ending in a backslash
    for (const std::string& line : file.lines) {
      const size_t first = line.find_first_not_of(" \t");
      const bool directive = continued || (!in_block_ && raw_end_.empty() &&
                                           first != std::string::npos && line[first] == '#');
      continued = directive && line.ends_with('\\');
      if (!directive) add_line(line);
      text_ += '\n';
    }
  }

  const std::string& text() const { return text_; }

 private:
  void add_line(std::string_view line) {
    for (size_t i = 0; i < line.size();) {
      if (!raw_end_.empty()) {
        i = skip_until(line, i, raw_end_, [this] { raw_end_.clear(); });
      } else if (in_block_) {
        i = skip_until(line, i, "*/", [this] { in_block_ = false; });
      } else if (line.substr(i, 2) == "//") {
        return;
      } else if (line.substr(i, 2) == "/*") {
        in_block_ = true;
        i += 2;
      } else if (line.substr(i, 2) == "R\"") {
        const size_t open = line.find('(', i);
        if (open == std::string_view::npos) return;
        raw_end_ = ")" + std::string(line.substr(i + 2, open - i - 2)) + "\"";
        i = open + 1;
      } else if (line[i] == '"' || (line[i] == '\'' && !is_digit_separator(line, i))) {
        i = skip_literal(line, i);
      } else {
        text_ += line[i++];
      }
    }
  }

  template <typename Found>
  static size_t skip_until(std::string_view line, size_t from, std::string_view end, Found found) {
    const size_t at = line.find(end, from);
    if (at == std::string_view::npos) return line.size();
    const size_t after = at + end.size();
    found();
    return after;
  }

  static bool is_digit_separator(std::string_view line, size_t i) {
    return i > 0 && i + 1 < line.size() && std::isxdigit(static_cast<unsigned char>(line[i - 1])) &&
           std::isxdigit(static_cast<unsigned char>(line[i + 1]));
  }

  static size_t skip_literal(std::string_view line, size_t i) {
    const char quote = line[i++];
    while (i < line.size() && line[i] != quote) i += line[i] == '\\' ? 2 : 1;
    return i + 1;
  }

  std::string text_;
  bool in_block_ = false;
  std::string raw_end_;
};

// Whether a brace after this declaration text opens a function's body.
bool opens_function(const std::string& before) {
  static const std::regex kScope(
      R"(^\s*(template\s*<.*>\s*)?(inline\s+)?(namespace|class|struct|union|enum|extern)\b)");
  static const std::regex kFunctionReturningStruct(
      R"(\)\s*(const|noexcept|override|final|&|\s)*$)");
  if (before.find(')') == std::string::npos) return false;
  const size_t last = before.find_last_not_of(" \t\n");
  if (last != std::string::npos && (before[last] == '=' || before[last] == ',')) return false;
  if (std::regex_search(before, kScope)) return std::regex_search(before, kFunctionReturningStruct);
  return true;
}

}  // namespace

std::vector<FunctionSpan> functions_of(const SourceFile& file) {
  std::vector<FunctionSpan> functions;
  std::string before;  // the declaration so far
  int line = 1, start = 1, depth = 0;
  int function_depth = 0;  // depth inside the outermost function, 0 outside of any
  FunctionSpan current;
  const CodeOnly code(file);
  for (const char c : code.text()) {
    if (c == '\n') ++line;
    if (c == '{') {
      ++depth;
      if (function_depth == 0 && opens_function(before)) {
        function_depth = depth;
        current.first_line = start;
      }
      before.clear();
    } else if (c == '}') {
      if (function_depth == depth && depth > 0) {
        current.last_line = line;
        functions.push_back(current);
        function_depth = 0;
      }
      depth = depth > 0 ? depth - 1 : 0;
      before.clear();
    } else if (c == ';') {
      before.clear();
    } else if (!before.empty() || !std::isspace(static_cast<unsigned char>(c))) {
      if (before.empty()) start = line;
      before += c;
    }
  }
  return functions;
}

}  // namespace roost::tidy
