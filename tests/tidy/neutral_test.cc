// SPDX-License-Identifier: Apache-2.0
// The tree works wherever it is cloned: it names no path of the machine that it was written on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

namespace fs = std::filesystem;

// Pieces, so that this file doesn't find itself.
const std::vector<std::string>& foreign_paths() {
  static const std::vector<std::string> kPaths = {
      std::string("/wor") + "k/", std::string("..") + "/shared", std::string("/ro") + "ot/"};
  return kPaths;
}

// In tests/work/ or my/home/ the word is part of a longer path or topic, and nobody's folder.
bool continues_a_name(const std::string& line, size_t at) {
  return at > 0 && line[at] == '/' &&
         (std::isalnum(static_cast<unsigned char>(line[at - 1])) || line[at - 1] == '}');
}

std::vector<std::string> neutral_faults(const SourceFile& file) {
  std::vector<std::string> faults;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    for (const std::string& path : foreign_paths()) {
      const size_t at = file.lines[i].find(path);
      if (at == std::string::npos || continues_a_name(file.lines[i], at)) continue;
      faults.push_back(fault(file, static_cast<int>(i) + 1, "names " + path));
    }
  }
  return faults;
}

bool is_outside_the_tree(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == ".git" || name == "node_modules" || name == "roost-data" ||
         name == "__pycache__" || name == ".cache" || name.starts_with("build");
}

bool looks_like_text(const fs::path& path) {
  static const std::vector<std::string> kEndings = {
      ".h",  ".cc", ".cmake", ".txt",  ".md",  ".json", ".yaml",  ".yml",     ".py",
      ".sh", ".js", ".mjs",   ".html", ".css", ".conf", ".proto", ".service", ""};
  const std::string ending = path.extension().string();
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

TEST(Neutral, NoFileNamesAFolderOfThisMachine) {
  std::vector<std::string> faults;
  for (fs::recursive_directory_iterator it("."), end; it != end; ++it) {
    if (is_outside_the_tree(it->path())) {
      if (it->is_directory()) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file() || it->file_size() > 1'000'000 || !looks_like_text(it->path())) {
      continue;
    }
    const std::string path = it->path().generic_string();
    const auto found = neutral_faults(make_source(path, read_text(path)));
    faults.insert(faults.end(), found.begin(), found.end());
  }
  EXPECT_TRUE(faults.empty()) << join(faults);
}

TEST(Neutral, AFolderOfThisMachineIsAFault) {
  for (const std::string& path : foreign_paths()) {
    EXPECT_EQ(neutral_faults(make_source("a.sh", "cd " + path + "x\n")).size(), 1u) << path;
  }
  EXPECT_TRUE(neutral_faults(make_source("a.sh", "mosquitto_sub -t my" + foreign_paths()[2] + "x"))
                  .empty());
}

}  // namespace
}  // namespace roost::tidy
