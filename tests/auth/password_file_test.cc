// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/password_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace roost::auth {
namespace {

constexpr HashCost kCheap{8, 1};
constexpr const char* kHash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaaaa";

class PasswordFile : public testing::Test {
 protected:
  PasswordFile() {
    char name[] = "/tmp/roost-passwords-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/passwords";
  }
  ~PasswordFile() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text) { std::ofstream(path_) << text; }
  std::string content() const {
    std::ostringstream out;
    out << std::ifstream(path_).rdbuf();
    return out.str();
  }
  unsigned mode(const std::string& path) const {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
  }

  std::string folder_, path_;
};

TEST_F(PasswordFile, IsMadeForItsOwnerAlone) {
  const auto change = set_password(path_, "ann", "secret", kCheap);
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(*change, PasswordChange::created);
  EXPECT_EQ(mode(path_), 0600u);
}

TEST_F(PasswordFile, GivesBackWhatWasWritten) {
  ASSERT_TRUE(set_password(path_, "ann", "one", kCheap));
  ASSERT_TRUE(set_password(path_, "b ö b", "two", kCheap));
  const auto table = read_passwords(path_);
  ASSERT_TRUE(table) << table.error().message;
  ASSERT_EQ(table->size(), 2u);
  EXPECT_TRUE(verify_password(table->at("ann"), "one"));
  EXPECT_TRUE(verify_password(table->at("b ö b"), "two"));
}

TEST_F(PasswordFile, KeepsCommentsOrderAndModeWhenAUserChanges) {
  const std::string hash = kHash;
  write("# the house\nann:" + hash + "\n\nbob:" + hash + "\n# end");
  ASSERT_EQ(::chmod(path_.c_str(), 0640), 0);
  const auto change = set_password(path_, "ann", "new", kCheap);
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(*change, PasswordChange::updated);
  const std::string after = content();
  EXPECT_EQ(after.rfind("# the house\nann:$argon2id$", 0), 0u) << after;
  EXPECT_NE(after.find("\n\nbob:" + hash + "\n# end\n"), std::string::npos) << after;
  EXPECT_EQ(mode(path_), 0640u);
}

TEST_F(PasswordFile, AppendsBehindALineWithoutEnd) {
  write(std::string("ann:") + kHash);
  ASSERT_TRUE(set_password(path_, "bob", "x", kCheap));
  const auto table = read_passwords(path_);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->size(), 2u);
}

TEST_F(PasswordFile, DeletesOneUserAndNothingElse) {
  write(std::string("# c\nann:") + kHash + "\nbob:" + kHash + "\n");
  ASSERT_TRUE(delete_user(path_, "ann"));
  EXPECT_EQ(content(), std::string("# c\nbob:") + kHash + "\n");
  const auto again = delete_user(path_, "ann");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::not_found);
}

TEST_F(PasswordFile, LeavesNoTemporaryFileBehind) {
  ASSERT_TRUE(set_password(path_, "ann", "x", kCheap));
  ASSERT_TRUE(set_password(path_, "ann", "y", kCheap));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(PasswordFile, ReplacesTheTargetOfALink) {
  ASSERT_TRUE(set_password(path_, "ann", "x", kCheap));
  const std::string link = folder_ + "/link";
  ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
  ASSERT_TRUE(set_password(link, "bob", "y", kCheap));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(read_passwords(path_)->size(), 2u);
}

TEST_F(PasswordFile, AMissingFileOrFolderIsNamed) {
  const auto read = read_passwords(path_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::not_found);
  EXPECT_NE(read.error().message.find(path_), std::string::npos);
  const auto deep = set_password(folder_ + "/no/file", "ann", "x", kCheap);
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().message.find("/no/file can't be written"), std::string::npos);
}

TEST_F(PasswordFile, RefusesNamesThatWouldBreakTheLine) {
  for (const char* name : {"", "a:b", "#a", "a\nb", "a\x7f"}) {
    EXPECT_FALSE(set_password(path_, name, "x", kCheap)) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST(PasswordFileText, EveryBadLineIsNamed) {
  const std::string text = std::string("ann:") + kHash + "\n\nbob\n:x\nann:" + kHash +
                           "\ncid:secret\ndan:$7$101$x$y\r\n";
  const auto table = parse_passwords(text, "users");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().kind, ErrorKind::corrupt);
  EXPECT_EQ(table.error().message,
            "users:3: expected user:hash\n"
            "users:4: a user name can't be empty\n"
            "users:5: user ann is there twice\n"
            "users:6: user cid has not a hash; a password in clear has no place here, set it with "
            "roost passwd\n"
            "users:7: user dan has a damaged hash of mosquitto_passwd: $7$iterations$salt$hash is "
            "expected, with up to 10000000 iterations");
}

TEST(PasswordFileText, ManyBadLinesAreCountedNotListed) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "x\n";
  const auto table = parse_passwords(text, "users");
  ASSERT_FALSE(table);
  EXPECT_NE(table.error().message.find("users: and 990 more"), std::string::npos);
  EXPECT_LT(table.error().message.size(), 1000u);
}

TEST(PasswordFileText, LineEndsOfWindowsAreUnderstood) {
  const auto table = parse_passwords(std::string("ann:") + kHash + "\r\n", "users");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->at("ann"), kHash);
}

}  // namespace
}  // namespace roost::auth
