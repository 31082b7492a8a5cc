// SPDX-License-Identifier: Apache-2.0
// The repository's own sources as text, for the tests that check house rules.
// Thread: own thread (tests). Tests run in the repository's root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace roost::tidy {

struct SourceFile {
  std::string path;  // from the repository's root, with '/'
  std::vector<std::string> lines;

  bool is_header() const;
};

struct Include {
  std::string target;  // what stands between the quotes or brackets
  bool quoted = false;
  int line = 0;  // from 1
};

// A small file for a test of a rule.
SourceFile make_source(std::string path, std::string_view text);

// All .h and .cc files below the given folders, sorted by path; a folder that isn't there has none.
std::vector<SourceFile> read_sources(const std::vector<std::string>& folders);

// Whole text of one file; empty when it isn't there.
std::string read_text(const std::string& path);

std::vector<Include> includes_of(const SourceFile& file);

bool starts_with_any(std::string_view text, const std::vector<std::string>& prefixes);

// "path:line: what", as compilers print it.
std::string fault(const SourceFile& file, int line, std::string_view what);

// One fault a line, for a test's message.
std::string join(const std::vector<std::string>& faults);

// The folders of the product.
std::vector<std::string> product_folders();

}  // namespace roost::tidy
