// SPDX-License-Identifier: Apache-2.0
#include "broker/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

namespace roost::base {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    char name[] = "/tmp/roost-file-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/file";
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_, path_;
};

TEST_F(FileTest, GivesBackWhatWasWritten) {
  const std::string content = std::string(100'000, 'x') + '\0' + "end";
  ASSERT_TRUE(replace_file(path_, content));
  const auto read = read_file(path_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, content);
  EXPECT_EQ(count_entries(folder_), 1u) << "no temporary file stays";
}

TEST_F(FileTest, ANewFileHasTheModeAndAnOldOneKeepsIts) {
  struct stat status;
  ASSERT_TRUE(replace_file(path_, "a", 0640));
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  ASSERT_TRUE(replace_file(path_, "b", 0600));
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(FileTest, ErrorsHaveTheirKindAndNameThePath) {
  const auto missing = read_file(path_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_EQ(missing.error().message, path_ + " can't be read: No such file or directory");
  EXPECT_EQ(read_file(folder_).error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(replace_file(path_ + "/below", "x").error().kind, ErrorKind::not_found);
}

TEST_F(FileTest, ReadsNoMoreThanAllowed) {
  ASSERT_TRUE(replace_file(path_, "12345"));
  EXPECT_TRUE(read_file(path_, 5));
  EXPECT_EQ(read_file(path_, 4).error().kind, ErrorKind::resource_exhausted);
}

}  // namespace
}  // namespace roost::base
