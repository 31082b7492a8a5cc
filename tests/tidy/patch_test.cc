// SPDX-License-Identifier: Apache-2.0
// The next version that the system tests build is a patch of this one, and so are the simulator's
// mutants: they have to apply.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

constexpr const char* kPatch = "tests/system/next_version.patch";

int dry_run(const std::string& options, const std::string& patch = kPatch) {
  return std::system(("patch --dry-run --silent --force -p1 " + options + " < " + patch).c_str());
}

TEST(NextVersion, Applies) {
  ASSERT_FALSE(read_text(kPatch).empty()) << "run from the repository's root";
  EXPECT_EQ(dry_run(""), 0);
}

TEST(NextVersion, IsNotThisOne) { EXPECT_NE(dry_run("--reverse >/dev/null"), 0); }

TEST(NextVersion, HasARecordAPeersFieldAndAHigherLevel) {
  const std::string patch = read_text(kPatch);
  EXPECT_NE(patch.find("\n+constexpr std::uint8_t kLevelRecord"), std::string::npos);
  EXPECT_NE(patch.find("\n+  string edition = 8;"), std::string::npos);
  EXPECT_NE(patch.find("\n+  settings.feature_level = cluster::kFeatureLevel + 1;"),
            std::string::npos);
}

TEST(Mutants, Apply) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/simulation/mutants")) {
    if (entry.path().extension() != ".patch") continue;
    ++seen;
    EXPECT_EQ(dry_run("--fuzz=0", entry.path()), 0) << entry.path();
  }
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace roost::tidy
