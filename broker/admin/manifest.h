// SPDX-License-Identifier: Apache-2.0
// What a backup says of itself: manifest.json, and beside it the checksum of that file as sha256sum
// writes it. A backup may come from anywhere: nothing in it is believed before it is checked.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace roost::admin {

inline constexpr int kManifestFormat = 1;
inline constexpr const char* kManifestName = "manifest.json";
inline constexpr const char* kManifestSumName = "manifest.json.sha256";
inline constexpr std::size_t kManifestBytesMax = 64 << 20;
inline constexpr std::size_t kManifestFilesMax = 100'000;

struct ManifestFile {
  std::string name;  // "FORMAT", "db/000012.sst"
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 small hexadecimal digits
};

struct Manifest {
  std::string version;  // of the Roost that made it
  std::string created;  // "2026-11-26T14:20:45Z"
  std::uint16_t shards = 0;
  std::vector<ManifestFile> files;

  std::uint64_t bytes() const;
};

std::string manifest_text(const Manifest& manifest);

// Errors: invalid_argument (a newer format; both versions named), corrupt, saying what is wrong.
Result<Manifest> parse_manifest(std::string_view text);

// A name of a file that may stand in a backup: FORMAT, shards, SUSPECT, or "db/NAME" of letters,
// digits and ._- and not beginning with a dot.
bool is_file_name(std::string_view name);

}  // namespace roost::admin
