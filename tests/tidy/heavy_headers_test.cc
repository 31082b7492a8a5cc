// SPDX-License-Identifier: Apache-2.0
// Headers that cost 4 to 60 s of compile time each stand in at most three .cc files and in no .h.
#include <gtest/gtest.h>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

constexpr size_t kMostFiles = 3;

struct Heavy {
  std::string name;
  std::vector<std::string> prefixes;
};

const std::vector<Heavy>& heavy_libraries() {
  static const std::vector<Heavy> kLibraries = {
      {"Beast", {"boost/beast"}},          {"CLI11", {"CLI/"}},
      {"yaml-cpp", {"yaml-cpp/"}},         {"spdlog", {"spdlog/"}},
      {"prometheus-cpp", {"prometheus/"}}, {"gRPC", {"grpc", "grpcpp/"}},
  };
  return kLibraries;
}

bool includes_library(const SourceFile& file, const Heavy& library, int* line) {
  for (const Include& include : includes_of(file)) {
    if (!include.quoted && starts_with_any(include.target, library.prefixes)) {
      *line = include.line;
      return true;
    }
  }
  return false;
}

std::vector<std::string> heavy_faults(const std::vector<SourceFile>& files, const Heavy& library) {
  std::vector<std::string> faults, users;
  for (const SourceFile& file : files) {
    int line = 0;
    if (!includes_library(file, library, &line)) continue;
    users.push_back(fault(file, line, library.name + " stands here"));
    if (file.is_header()) faults.push_back(fault(file, line, library.name + " in a header"));
  }
  if (users.size() > kMostFiles) {
    faults.push_back(library.name + " stands in " + std::to_string(users.size()) + " files, " +
                     std::to_string(kMostFiles) + " are allowed");
    faults.insert(faults.end(), users.begin(), users.end());
  }
  return faults;
}

TEST(HeavyHeaders, StandInFewSourcesAndNoHeader) {
  const auto files = read_sources(product_folders());
  ASSERT_GT(files.size(), 5u) << "run from the repository's root";
  for (const Heavy& library : heavy_libraries()) {
    const auto faults = heavy_faults(files, library);
    EXPECT_TRUE(faults.empty()) << join(faults);
  }
}

TEST(HeavyHeaders, OneInAHeaderIsAFault) {
  const std::vector<SourceFile> files = {make_source("a.h", "#include <boost/beast/http.hpp>\n")};
  EXPECT_EQ(heavy_faults(files, heavy_libraries()[0]).size(), 1u);
  EXPECT_TRUE(heavy_faults(files, heavy_libraries()[1]).empty());
}

TEST(HeavyHeaders, TheFourthSourceIsAFault) {
  std::vector<SourceFile> files;
  for (const char* name : {"a.cc", "b.cc", "c.cc"}) {
    files.push_back(make_source(name, "#include <CLI/CLI.hpp>\n#include <CLI/Option.hpp>\n"));
  }
  EXPECT_TRUE(heavy_faults(files, heavy_libraries()[1]).empty());
  files.push_back(make_source("d.cc", "#include <CLI/CLI.hpp>\n"));
  EXPECT_FALSE(heavy_faults(files, heavy_libraries()[1]).empty());
}

}  // namespace
}  // namespace roost::tidy
