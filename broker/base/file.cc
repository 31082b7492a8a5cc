// SPDX-License-Identifier: Apache-2.0
#include "broker/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace roost::base {

namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(); }

  int fd() const { return fd_; }
  int close() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

Unexpected<Error> system_error(const std::string& path, const char* doing) {
  const int number = errno;
  ErrorKind kind = ErrorKind::io;
  if (number == ENOENT || number == ENOTDIR) kind = ErrorKind::not_found;
  if (number == EACCES || number == EPERM || number == EROFS) kind = ErrorKind::permission_denied;
  if (number == EISDIR) kind = ErrorKind::invalid_argument;
  if (number == ENOSPC || number == EDQUOT || number == EMFILE || number == ENFILE) {
    kind = ErrorKind::resource_exhausted;
  }
  return error(kind, path + " can't be " + doing + ": " + std::strerror(number));
}

std::string target_of(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// An owner that can't be given away (not root) is no reason to fail; a wider mode would be.
bool take_over_mode(int fd, const std::string& old_path, std::uint32_t mode) {
  struct stat old;
  if (::stat(old_path.c_str(), &old) != 0) return ::fchmod(fd, mode) == 0;
  if (::fchown(fd, old.st_uid, old.st_gid) != 0 && errno != EPERM) return false;
  return ::fchmod(fd, old.st_mode & 07777) == 0;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::uint64_t max) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return system_error(path, "read");
  std::string content;
  char block[16 * 1024];
  for (;;) {
    const ssize_t n = ::read(file.fd(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(path, "read");
    if (n == 0) return content;
    if (content.size() + static_cast<std::size_t>(n) > max) {
      return error(ErrorKind::resource_exhausted,
                   path + " is larger than " + std::to_string(max) + " bytes");
    }
    content.append(block, static_cast<std::size_t>(n));
  }
}

Result<void> replace_file(const std::string& path, std::string_view content, std::uint32_t mode) {
  const std::string target = target_of(path);
  std::string temporary = target + ".XXXXXX";
  File file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.fd() < 0) return system_error(path, "written");
  const bool written = take_over_mode(file.fd(), target, mode) && write_all(file.fd(), content) &&
                       ::fsync(file.fd()) == 0 && file.close() == 0 &&
                       ::rename(temporary.c_str(), target.c_str()) == 0;
  if (!written) {
    const auto failure = system_error(path, "written");
    ::unlink(temporary.c_str());
    return failure;
  }
  const File folder(::open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd() >= 0) ::fsync(folder.fd());  // some filesystems refuse: the rename stands
  return {};
}

std::uint64_t count_entries(const std::string& folder) {
  DIR* const dir = ::opendir(folder.c_str());
  if (dir == nullptr) return 0;
  std::uint64_t count = 0;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(dir);
  return count;
}

}  // namespace roost::base
