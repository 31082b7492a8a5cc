// SPDX-License-Identifier: Apache-2.0
// Files copied so that they are on disk when a call returns, with the SHA-256 of what was copied.
// Thread: the caller's; blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace roost::admin {

// Told how many bytes more are done; false: stop.
using Progress = std::function<bool(std::uint64_t bytes)>;

// The first `bytes` of `from` as the new file `to` (mode 0600); an empty `to`: only reads. Returns
// the SHA-256 in hexadecimal. Errors: not_found, permission_denied, already_exists,
// resource_exhausted (no room), corrupt (`from` is shorter), unavailable (stopped), io; the message
// names the path.
Result<std::string> copy_file(const std::string& from, const std::string& to, std::uint64_t bytes,
                              const Progress& progress);
// The same for a text.
Result<std::string> write_file(const std::string& to, std::string_view content);

std::string sha256_of(std::string_view content);

// A new folder of mode 0700. Errors: as copy_file.
Result<void> make_folder(const std::string& path);
// Its names are on disk.
Result<void> sync_folder(const std::string& path);
Result<void> rename_path(const std::string& from, const std::string& to);

}  // namespace roost::admin
