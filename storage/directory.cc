// SPDX-License-Identifier: Apache-2.0
#include "storage/directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

#include "storage/database.h"
#include "storage/keys.h"

namespace roost::storage {

namespace {

constexpr std::string_view kFormatWord = "roost store format ";
constexpr std::string_view kCopyLine = "copy\n";

Unexpected<Error> system_error(const std::string& path, const char* doing) {
  const int number = errno;
  const bool denied = number == EACCES || number == EPERM || number == EROFS;
  return error(denied ? ErrorKind::permission_denied : ErrorKind::io,
               path + " can't be " + doing + ": " + std::strerror(number));
}

// The pid in a lock file that another process holds.
std::string owner(int lock) {
  char text[32];
  const ssize_t size = ::pread(lock, text, sizeof text, 0);
  std::string pid(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  while (!pid.empty() && pid.back() == '\n') pid.pop_back();
  return pid.empty() ? "unknown" : pid;
}

Result<int> take_lock(const std::string& path) {
  const std::string name = path + "/roost.pid";
  const int lock = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return system_error(name, "opened");
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const auto failure = errno == EWOULDBLOCK
                             ? error(ErrorKind::already_exists,
                                     path + " is in use by the process with pid " + owner(lock))
                             : system_error(name, "locked");
    ::close(lock);
    return failure;
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock, 0) != 0 ||
      ::pwrite(lock, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // On a full disk: the lock holds, only its owner's name is missing.
    if (errno == ENOSPC || errno == EDQUOT) return lock;
    const auto failure = system_error(name, "written");
    ::close(lock);
    return failure;
  }
  return lock;
}

std::optional<int> parse_format(std::string_view text) {
  if (!text.starts_with(kFormatWord)) return std::nullopt;
  text.remove_prefix(kFormatWord.size());
  int version = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (failure != std::errc() || version <= 0) return std::nullopt;
  return version;
}

std::string format_text() {
  return std::string(kFormatWord) + std::to_string(kFormatVersion) + "\n";
}

}  // namespace

rocksdb::IOStatus sync_folder(rocksdb::FileSystem& files, const std::string& folder) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  rocksdb::IOStatus status = files.NewDirectory(folder, {}, &directory, nullptr);
  if (status.ok()) status = directory->Fsync({}, nullptr);
  return status;
}

rocksdb::IOStatus replace_file(rocksdb::FileSystem& files, const std::string& folder,
                               const std::string& name, const std::string& content) {
  const std::string target = folder + "/" + name, beside = target + ".new";
  rocksdb::IOStatus status = rocksdb::WriteStringToFile(&files, content, beside, true);
  if (status.ok()) status = files.RenameFile(beside, target, {}, nullptr);
  if (status.ok()) status = sync_folder(files, folder);
  return status;
}

Directory::Directory(std::string path, rocksdb::FileSystem& files, int lock)
    : path_(std::move(path)), files_(files), lock_(lock) {}

Directory::~Directory() { ::close(lock_); }

Result<std::unique_ptr<Directory>> Directory::open(const std::string& path,
                                                   rocksdb::FileSystem& files, Log& log) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (failure) return error(ErrorKind::io, path + " can't be made: " + failure.message());
  const auto made = files.CreateDirIfMissing(path, {}, nullptr);
  if (!made.ok()) return as_error(made, path + " can't be made");
  const Result<int> lock = take_lock(path);
  if (!lock) return Unexpected(lock.error());
  std::unique_ptr<Directory> directory(new Directory(path, files, lock.value()));
  if (auto checked = directory->check_format(log); !checked) {
    return Unexpected(std::move(checked).error());
  }
  return directory;
}

Result<void> Directory::check_format(Log& log) {
  std::string text;
  const auto read = rocksdb::ReadFileToString(&files_, path_ + "/FORMAT", &text);
  if (!read.ok() && !read.IsNotFound() && !read.IsPathNotFound()) {
    return as_error(read, path_ + "/FORMAT can't be read");
  }
  const auto version = parse_format(text);
  if (version && *version > kFormatVersion) {
    return error(ErrorKind::invalid_argument,
                 path_ + " has format " + std::to_string(*version) +
                     ", written by a newer version; this one knows up to " +
                     std::to_string(kFormatVersion));
  }
  is_copy_ = version && text.ends_with(kCopyLine);
  if (version) return {};
  if (read.ok()) {
    log.write(LogLevel::error, "storage: " + path_ + "/FORMAT is garbled; taken to be " +
                                   std::to_string(kFormatVersion));
  }
  const auto written = replace_file(files_, path_, "FORMAT", format_text());
  // Nothing hangs on it yet: a full disk must not keep the store from opening.
  if (written.ok() || written.IsNoSpace()) return {};
  return as_error(written, path_ + "/FORMAT can't be written");
}

Result<void> Directory::forget_being_copy() {
  const auto written = replace_file(files_, path_, "FORMAT", format_text());
  if (!written.ok()) return as_error(written, path_ + "/FORMAT can't be written");
  is_copy_ = false;
  return {};
}

bool Directory::is_suspect() const {
  return files_.FileExists(path_ + "/SUSPECT", {}, nullptr).ok();
}

Result<void> Directory::set_suspect(bool suspect) {
  if (suspect == is_suspect()) return {};
  const rocksdb::IOStatus done = suspect ? replace_file(files_, path_, "SUSPECT", "read all\n")
                                         : files_.DeleteFile(path_ + "/SUSPECT", {}, nullptr);
  if (!done.ok()) return as_error(done, path_ + "/SUSPECT can't be changed");
  return {};
}

Result<void> Directory::mark_copy(const std::string& path, rocksdb::FileSystem& files) {
  const auto written = replace_file(files, path, "FORMAT", format_text() + std::string(kCopyLine));
  if (!written.ok()) return as_error(written, path + "/FORMAT can't be written");
  return {};
}

}  // namespace roost::storage
