// SPDX-License-Identifier: Apache-2.0
#include "storage/directory.h"

#include <charconv>
#include <filesystem>
#include <optional>

#include "storage/database.h"
#include "storage/keys.h"

namespace roost::storage {

namespace {

constexpr std::string_view kFormatWord = "roost store format ";
constexpr std::string_view kCopyLine = "copy\n";
constexpr std::string_view kSuspect = "SUSPECT";
constexpr std::string_view kUnsure = "UNSURE";

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

Directory::Directory(std::string path, rocksdb::FileSystem& files, DirectoryLock lock)
    : path_(std::move(path)), files_(files), lock_(std::move(lock)) {}

Directory::~Directory() = default;

Result<std::unique_ptr<Directory>> Directory::open(const std::string& path,
                                                   rocksdb::FileSystem& files, Log& log) {
  std::error_code failure;
  std::filesystem::create_directories(path, failure);
  if (failure) return error(ErrorKind::io, path + " can't be made: " + failure.message());
  const auto made = files.CreateDirIfMissing(path, {}, nullptr);
  if (!made.ok()) return as_error(made, path + " can't be made");
  auto lock = DirectoryLock::take(path);
  if (!lock) return Unexpected(std::move(lock).error());
  std::unique_ptr<Directory> directory(new Directory(path, files, std::move(lock).value()));
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
  const auto version = check_version(path_, text);
  if (!version && version.error().kind == ErrorKind::invalid_argument) {
    return Unexpected(version.error());
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

bool Directory::is_suspect() const { return has(kSuspect); }
Result<void> Directory::set_suspect(bool suspect) { return set(kSuspect, "read all\n", suspect); }
bool Directory::is_unsure() const { return has(kUnsure); }
Result<void> Directory::set_unsure(bool unsure) { return set(kUnsure, "new uuid\n", unsure); }

bool Directory::has(std::string_view mark) const {
  return files_.FileExists(path_ + "/" + std::string(mark), {}, nullptr).ok();
}

Result<void> Directory::set(std::string_view mark, std::string_view content, bool there) {
  if (there == has(mark)) return {};
  const std::string name(mark);
  const rocksdb::IOStatus done = there ? replace_file(files_, path_, name, std::string(content))
                                       : files_.DeleteFile(path_ + "/" + name, {}, nullptr);
  if (!done.ok()) return as_error(done, path_ + "/" + name + " can't be changed");
  return {};
}

std::string Directory::text_of_copy() { return format_text() + std::string(kCopyLine); }

Result<int> Directory::check_version(const std::string& path, std::string_view text) {
  const auto version = parse_format(text);
  if (!version) return error(ErrorKind::corrupt, path + "/FORMAT is garbled");
  if (*version <= kFormatVersion) return *version;
  return error(ErrorKind::invalid_argument, path + " has format " + std::to_string(*version) +
                                                ", written by a newer version; this one knows up "
                                                "to " +
                                                std::to_string(kFormatVersion));
}

}  // namespace roost::storage
