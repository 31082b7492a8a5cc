// SPDX-License-Identifier: Apache-2.0
// Whole small files (settings, passwords, /proc), for folders that don't know disks.
// Thread: any thread; blocks, so never on a core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace roost::base {

inline constexpr std::uint64_t kSmallFileMax = 64 * 1024 * 1024;

// Errors: not_found, permission_denied, invalid_argument (a folder), resource_exhausted (larger
// than `max` bytes), io; the message names the path.
Result<std::string> read_file(const std::string& path, std::uint64_t max = kSmallFileMax);

// Puts a new file in the old one's place, so that a reader or a crash sees the old or the new,
// never half: temporary file beside it, fsync, rename, fsync of the folder. Mode and owner of an
// existing file stay; a new one gets `mode`. A symbolic link stays one, its target is replaced.
Result<void> replace_file(const std::string& path, std::string_view content,
                          std::uint32_t mode = 0600);

// How many entries a folder has, e.g. /proc/self/fd; 0 where it can't be read.
std::uint64_t count_entries(const std::string& folder);

}  // namespace roost::base
