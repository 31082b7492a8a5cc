// SPDX-License-Identifier: Apache-2.0
#include "storage/freeing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace roost::storage {
namespace {

constexpr std::uint64_t kSize = 3 * Freeing::kStepBytes + 1;

class FreeingTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("roost-freeing-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, std::uint64_t size) {
    const std::string path = folder_ / name;
    std::ofstream(path) << "begin";
    std::filesystem::resize_file(path, size);
    return path;
  }
  static std::uint64_t size_of(int file) {
    struct stat about {};
    return ::fstat(file, &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
  }

  std::filesystem::path folder_;
  Freeing freeing_;
};

TEST_F(FreeingTest, ShrinksADeletedFileStepByStep) {
  const std::string path = file("large", kSize);
  const int watched = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int held = freeing_.hold(path);
  ASSERT_GE(held, 0);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  freeing_.free(held, true);
  std::uint64_t size = kSize;
  while (size > Freeing::kStepBytes) {
    const std::uint64_t now = size_of(watched);
    ASSERT_TRUE(now == size || now + Freeing::kStepBytes <= size);
    ASSERT_EQ((kSize - now) % Freeing::kStepBytes, 0U);
    size = now;
    std::this_thread::yield();
  }
  while (freeing_.waiting() > 0) std::this_thread::yield();
  ::close(watched);
}

TEST_F(FreeingTest, LeavesASmallFileAlone) {
  EXPECT_EQ(freeing_.hold(file("small", Freeing::kStepBytes)), -1);
  EXPECT_EQ(freeing_.hold(folder_ / "missing"), -1);
}

TEST_F(FreeingTest, AFileWithAnotherNameStaysWhole) {
  const std::string path = file("large", kSize);
  std::filesystem::create_hard_link(path, folder_ / "kept");
  const int held = freeing_.hold(path);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  freeing_.free(held, true);
  EXPECT_EQ(freeing_.waiting(), 0U);
  EXPECT_EQ(std::filesystem::file_size(folder_ / "kept"), kSize);
}

TEST_F(FreeingTest, AFileThatCouldNotBeDeletedStaysWhole) {
  const std::string path = file("large", kSize);
  freeing_.free(freeing_.hold(path), false);
  EXPECT_EQ(freeing_.waiting(), 0U);
  EXPECT_EQ(std::filesystem::file_size(path), kSize);
}

TEST_F(FreeingTest, HoldsAFewFilesAtMost) {
  for (std::size_t i = 0; i < Freeing::kFilesMax + 8; ++i) {
    const std::string path = file("large", kSize);
    const int held = freeing_.hold(path);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    if (held >= 0) freeing_.free(held, true);
    ASSERT_LE(freeing_.waiting(), Freeing::kFilesMax);
  }
}

}  // namespace
}  // namespace roost::storage
