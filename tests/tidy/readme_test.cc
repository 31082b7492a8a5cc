// SPDX-License-Identifier: Apache-2.0
// Every folder of the product says what it is, and the root's README leads there.
#include <gtest/gtest.h>

#include <set>

#include "tests/tidy/source_file.h"

namespace roost::tidy {
namespace {

// "broker/mqtt" of "broker/mqtt/packet.h", "storage" of "storage/store.h", nothing of
// broker/main.cc.
std::string folder_of(const std::string& path) {
  const size_t first = path.find('/');
  if (!path.starts_with("broker/")) return path.substr(0, first);
  const size_t second = path.find('/', first + 1);
  return second == std::string::npos ? "" : path.substr(0, second);
}

TEST(Readme, StandsInEveryFolderOfTheProduct) {
  std::set<std::string> folders;
  for (const SourceFile& file : read_sources(product_folders()))
    folders.insert(folder_of(file.path));
  folders.erase("");
  ASSERT_GT(folders.size(), 5u) << "run from the repository's root";
  const std::string root = read_text("README.md");
  for (const std::string& folder : folders) {
    EXPECT_GT(read_text(folder + "/README.md").size(), 100u) << folder << " has no README.md";
    EXPECT_NE(root.find("](" + folder + ")"), std::string::npos)
        << "README.md doesn't lead to " << folder;
  }
}

TEST(Readme, HasAChangelogBesideIt) {
  EXPECT_TRUE(read_text("CHANGELOG.md").starts_with("# Changelog\n"));
  EXPECT_NE(read_text("CHANGELOG.md").find("\n- "), std::string::npos) << "says nothing";
}

TEST(Readme, FoldersAreToldFromPaths) {
  EXPECT_EQ(folder_of("broker/mqtt/packet.h"), "broker/mqtt");
  EXPECT_EQ(folder_of("broker/cli/bench/loop.cc"), "broker/cli");
  EXPECT_EQ(folder_of("storage/store.h"), "storage");
  EXPECT_EQ(folder_of("broker/main.cc"), "");
}

}  // namespace
}  // namespace roost::tidy
