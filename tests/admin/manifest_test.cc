// SPDX-License-Identifier: Apache-2.0
// What a backup says of itself, and what it may not say.
#include "broker/admin/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roost::admin {
namespace {

using testing::HasSubstr;

const std::string kSum(64, 'a');

Manifest sample() {
  Manifest manifest{"0.1.0", "2026-11-26T14:20:45Z", 64, {}};
  manifest.files = {{"FORMAT", 22, kSum},
                    {"shards", 3, kSum},
                    {"db/CURRENT", 16, kSum},
                    {"db/000012.sst", 123'456'789'012, kSum}};
  return manifest;
}

// The sample's text with a part of it replaced.
std::string altered(const std::string& from, const std::string& to) {
  std::string text = manifest_text(sample());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifest, ComesBackAsItWas) {
  const auto read = parse_manifest(manifest_text(sample()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->version, "0.1.0");
  EXPECT_EQ(read->created, "2026-11-26T14:20:45Z");
  EXPECT_EQ(read->shards, 64);
  ASSERT_EQ(read->files.size(), 4u);
  EXPECT_EQ(read->files[3].name, "db/000012.sst");
  EXPECT_EQ(read->files[3].bytes, 123'456'789'012u);
  EXPECT_EQ(read->files[3].sha256, kSum);
  EXPECT_EQ(read->bytes(), 123'456'789'053u);
}

TEST(Manifest, ANewerFormatNamesBoth) {
  const auto read = parse_manifest(altered("\"roost_backup\":1", "\"roost_backup\":7"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::invalid_argument);
  EXPECT_THAT(read.error().message, HasSubstr("format 7"));
  EXPECT_THAT(read.error().message, HasSubstr("up to 1"));
}

TEST(Manifest, WhatIsCutOffAnywhereIsRefused) {
  const std::string text = manifest_text(sample());
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {  // the last two: "}\n"
    const auto read = parse_manifest(std::string_view(text).substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  }
}

TEST(Manifest, HostileOnesAreRefusedWithTheReason) {
  struct Case {
    std::string text, why;
  };
  const Case cases[] = {
      {"", "no JSON"},
      {"[]", "no object"},
      {"{}", "not of a backup"},
      {std::string(100'000, '['), "no JSON"},
      {altered("\"roost_backup\":1", "\"roost_backup\":-1"), "not of a backup"},
      {altered("\"shards\":64", "\"shards\":0"), "shards"},
      {altered("\"shards\":64", "\"shards\":65536"), "shards"},
      {altered("\"shards\":64", "\"shards\":\"64\""), "shards"},
      {altered("db/000012.sst", "db/../../etc/passwd"), "a name that no file"},
      {altered("db/000012.sst", "/etc/passwd"), "a name that no file"},
      {altered("db/000012.sst", "db/.."), "a name that no file"},
      {altered("db/000012.sst", "db/sub/x"), "a name that no file"},
      {altered("db/000012.sst", ""), "a name that no file"},
      {altered("db/000012.sst", std::string(2000, 'x')), "a name that no file"},
      {altered("db/000012.sst", "shards"), "shards stands in it twice"},
      {altered("123456789012", "-1"), "db/000012.sst has no size"},
      {altered("123456789012", "1e300"), "db/000012.sst has no size"},
      {altered("123456789012", "18446744073709551615"), "db/000012.sst has no size"},
      {altered(kSum + "\"}]", "A" + kSum.substr(1) + "\"}]"), "db/000012.sst has no sha256"},
      {altered("db/CURRENT", "db/current"), "db/CURRENT is not in it"},
      {altered("\"files\":[", "\"files\":[7,"), "no object"},
      {altered("\"files\":", "\"fails\":"), "no list"},
      {altered("\"version\":\"0.1.0\"", "\"version\":null"), "version"},
  };
  for (const Case& each : cases) {
    const auto read = parse_manifest(each.text);
    ASSERT_FALSE(read) << each.text.substr(0, 300);
    EXPECT_EQ(read.error().kind, ErrorKind::corrupt) << each.text.substr(0, 300);
    EXPECT_THAT(read.error().message, HasSubstr(each.why));
    EXPECT_THAT(read.error().message, HasSubstr("manifest.json"));
  }
}

TEST(Manifest, IsBounded) {
  std::string text =
      "{\"roost_backup\":1,\"version\":\"\",\"created\":\"\",\"shards\":1,\"files\":[0";
  for (std::size_t i = 0; i < kManifestFilesMax; ++i) text += ",0";
  const auto read = parse_manifest(text + "]}");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("more than"));
  EXPECT_FALSE(parse_manifest(std::string(kManifestBytesMax + 1, ' ')));
}

TEST(Manifest, FileNamesStayInTheirFolder) {
  for (const char* good :
       {"FORMAT", "shards", "SUSPECT", "db/CURRENT", "db/MANIFEST-000001", "db/1.log"}) {
    EXPECT_TRUE(is_file_name(good)) << good;
  }
  for (const char* bad : {"", "db/", "db", "..", ".x", "db/.x", "db/..", "a/b", "db/a/b", "db/a b",
                          "db/a\nb", "~", "roost.pid", "admin.sock", "db//x"}) {
    EXPECT_FALSE(is_file_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace roost::admin
