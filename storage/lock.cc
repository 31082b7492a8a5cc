// SPDX-License-Identifier: Apache-2.0
#include "storage/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace roost::storage {

namespace {

constexpr const char* kName = "/roost.pid";

Unexpected<Error> system_error(const std::string& path, const char* doing) {
  const int number = errno;
  const bool denied = number == EACCES || number == EPERM || number == EROFS;
  return error(denied ? ErrorKind::permission_denied : ErrorKind::io,
               path + " can't be " + doing + ": " + std::strerror(number));
}

// The pid in a lock file that another process holds.
std::string owner(int file) {
  char text[32];
  const ssize_t size = ::pread(file, text, sizeof text, 0);
  std::string pid(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid.empty() ? "unknown" : pid;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::string& path) {
  const std::string name = path + kName;
  const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return system_error(name, "opened");
  DirectoryLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error(name, "locked");
    return error(ErrorKind::already_exists,
                 path + " is in use by the process with pid " + owner(file));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // On a full disk: the lock holds, only its owner's name is missing.
    if (errno != ENOSPC && errno != EDQUOT) return system_error(name, "written");
  }
  return lock;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept
    : file_(std::exchange(other.file_, -1)) {}

DirectoryLock::~DirectoryLock() {
  if (file_ >= 0) ::close(file_);
}

std::optional<std::string> lock_owner(const std::string& path) {
  const int file = ::open((path + kName).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::optional<std::string> found;
  if (::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) found = owner(file);
  ::close(file);
  return found;
}

}  // namespace roost::storage
