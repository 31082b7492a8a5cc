// SPDX-License-Identifier: Apache-2.0
#include "broker/base/file_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace roost::base {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    char name[] = "/tmp/roost-watch-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~FileWatchTest() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }

  std::string folder_;
};

TEST_F(FileWatchTest, SaysAChangeOnceAndWhenItIsOver) {
  const std::string a = write("a", "1"), b = write("b", "1");
  FileWatch watch({a, b});
  EXPECT_THAT(watch.look(), IsEmpty());
  write("a", "22");
  EXPECT_THAT(watch.look(), IsEmpty()) << "it may be half written";
  EXPECT_THAT(watch.look(), ElementsAre(a));
  EXPECT_THAT(watch.look(), IsEmpty());
}

TEST_F(FileWatchTest, WaitsWhileItIsStillWritten) {
  const std::string a = write("a", "1");
  FileWatch watch({a});
  for (const char* text : {"22", "333", "4444"}) {
    write("a", text);
    EXPECT_THAT(watch.look(), IsEmpty());
  }
  EXPECT_THAT(watch.look(), ElementsAre(a));
}

TEST_F(FileWatchTest, FollowsTheLinkThatKubernetesSwaps) {
  write("..1/tls.key", "old");
  write("..2/tls.key", "new");
  fs::create_directory_symlink("..1", folder_ + "/..data");
  fs::create_symlink("..data/tls.key", folder_ + "/tls.key");
  FileWatch watch({folder_ + "/tls.key"});
  EXPECT_THAT(watch.look(), IsEmpty());
  fs::create_directory_symlink("..2", folder_ + "/..data_tmp");
  fs::rename(folder_ + "/..data_tmp", folder_ + "/..data");
  EXPECT_THAT(watch.look(), IsEmpty());
  EXPECT_THAT(watch.look(), ElementsAre(folder_ + "/tls.key"));
}

TEST_F(FileWatchTest, AFileThatIsGoneIsNoChange) {
  const std::string a = write("a", "1");
  FileWatch watch({a});
  fs::remove(a);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(watch.look(), IsEmpty());
  write("a", "11");
  EXPECT_THAT(watch.look(), IsEmpty());
  EXPECT_THAT(watch.look(), ElementsAre(a));
}

}  // namespace
}  // namespace roost::base
