// SPDX-License-Identifier: Apache-2.0
// The lock on a data directory: the file roost.pid, locked as long as its owner lives, that names
// the owner's pid.
// Thread: any thread.
// Owner: whoever took it.
#pragma once

#include <optional>
#include <string>

#include "broker/base/result.h"

namespace roost::storage {

class DirectoryLock {
 public:
  // Requires: the directory is there. Errors: already_exists, naming the pid; permission_denied;
  // io.
  static Result<DirectoryLock> take(const std::string& path);
  ~DirectoryLock();  // gives it back; the file stays
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;

 private:
  explicit DirectoryLock(int file) : file_(file) {}

  int file_;
};

// The pid of whoever has the lock, "unknown" where the file doesn't say; nothing: nobody has it.
// Changes nothing.
std::optional<std::string> lock_owner(const std::string& path);

}  // namespace roost::storage
