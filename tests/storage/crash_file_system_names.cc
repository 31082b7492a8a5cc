// SPDX-License-Identifier: Apache-2.0
// What the disk of the crash tests does with names: files, folders, locks.
#include <utility>

#include "tests/storage/crash_file_system.h"

namespace roost::storage {

using rocksdb::IOStatus;

namespace {

IOStatus missing(const std::string& name) { return IOStatus::PathNotFound(name, "not there"); }

}  // namespace

IOStatus CrashFileSystem::FileExists(const std::string& name, const IOOptions&, Debug*) {
  const std::lock_guard lock(mutex_);
  return tree_.find(clean(name)) == tree_.end() ? IOStatus::NotFound(name) : IOStatus::OK();
}

IOStatus CrashFileSystem::GetChildren(const std::string& folder, const IOOptions&,
                                      std::vector<std::string>* names, Debug*) {
  const std::lock_guard lock(mutex_);
  if (tree_.find(clean(folder)) == tree_.end()) return missing(folder);
  names->clear();
  for (const auto& [name, file] : tree_) {
    if (folder_of(name) == clean(folder)) names->push_back(name.substr(name.rfind('/') + 1));
  }
  return IOStatus::OK();
}

IOStatus CrashFileSystem::GetChildrenFileAttributes(
    const std::string& folder, const IOOptions& options,
    std::vector<rocksdb::Env::FileAttributes>* found, Debug* debug) {
  return FileSystem::GetChildrenFileAttributes(folder, options, found, debug);
}

IOStatus CrashFileSystem::DeleteFile(const std::string& name, const IOOptions&, Debug*) {
  const std::lock_guard lock(mutex_);
  IOStatus status = happen(Event::remove);
  FilePtr file;
  if (status.ok()) status = find(name, &file);
  if (status.ok()) change(clean(name), std::nullopt);
  return status;
}

IOStatus CrashFileSystem::Truncate(const std::string& name, size_t size, const IOOptions&, Debug*) {
  const std::lock_guard lock(mutex_);
  FilePtr file;
  const IOStatus status = find(name, &file);
  if (status.ok() && size < file->bytes.size()) {
    file->bytes.resize(size);
    file->synced = std::min(file->synced, size);
  }
  return status;
}

IOStatus CrashFileSystem::CreateDir(const std::string& name, const IOOptions&, Debug*) {
  const std::lock_guard lock(mutex_);
  const IOStatus status = happen(Event::create);
  if (!status.ok()) return status;
  if (tree_.find(clean(name)) != tree_.end()) return IOStatus::IOError(name, "is there");
  if (tree_.find(folder_of(clean(name))) == tree_.end()) return missing(name);
  change(clean(name), FilePtr());
  return status;
}

IOStatus CrashFileSystem::CreateDirIfMissing(const std::string& name, const IOOptions& options,
                                             Debug* debug) {
  if (FileExists(name, options, debug).ok()) return IOStatus::OK();
  return CreateDir(name, options, debug);
}

IOStatus CrashFileSystem::DeleteDir(const std::string& name, const IOOptions&, Debug*) {
  const std::lock_guard lock(mutex_);
  const IOStatus status = happen(Event::remove);
  if (status.ok()) change(clean(name), std::nullopt);
  return status;
}

IOStatus CrashFileSystem::GetFileSize(const std::string& name, const IOOptions&,
                                      std::uint64_t* size, Debug*) {
  const std::lock_guard lock(mutex_);
  FilePtr file;
  const IOStatus status = find(name, &file);
  if (status.ok()) *size = file->bytes.size();
  return status;
}

IOStatus CrashFileSystem::GetFileModificationTime(const std::string&, const IOOptions&,
                                                  std::uint64_t* time, Debug*) {
  *time = 1;
  return IOStatus::OK();
}

IOStatus CrashFileSystem::RenameFile(const std::string& from, const std::string& to,
                                     const IOOptions&, Debug*) {
  const std::lock_guard lock(mutex_);
  const IOStatus status = happen(Event::rename);
  if (!status.ok()) return status;
  const std::string old_name = clean(from), new_name = clean(to);
  if (tree_.find(old_name) == tree_.end()) return missing(from);
  // With what stands below it, where it is a folder.
  Change renamed{folder_of(new_name), {}};
  for (const auto& [name, file] : tree_) {
    if (name != old_name && !name.starts_with(old_name + "/")) continue;
    renamed.names.emplace_back(name, std::nullopt);
    renamed.names.emplace_back(new_name + name.substr(old_name.size()), file);
  }
  change(std::move(renamed));
  return status;
}

IOStatus CrashFileSystem::LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                                   Debug*) {
  const std::lock_guard lock(mutex_);
  IOStatus status = happen(Event::create);
  FilePtr file;
  if (status.ok()) status = find(from, &file);
  if (status.ok()) change(clean(to), file);
  return status;
}

IOStatus CrashFileSystem::NumFileLinks(const std::string&, const IOOptions&, std::uint64_t*,
                                       Debug*) {
  return IOStatus::NotSupported("link counts");
}
IOStatus CrashFileSystem::AreFilesSame(const std::string&, const std::string&, const IOOptions&,
                                       bool*, Debug*) {
  return IOStatus::NotSupported("file identity");
}
IOStatus CrashFileSystem::LockFile(const std::string&, const IOOptions&, rocksdb::FileLock** lock,
                                   Debug*) {
  *lock = new rocksdb::FileLock();
  return IOStatus::OK();
}
IOStatus CrashFileSystem::UnlockFile(rocksdb::FileLock* lock, const IOOptions&, Debug*) {
  delete lock;
  return IOStatus::OK();
}
IOStatus CrashFileSystem::GetAbsolutePath(const std::string& path, const IOOptions&,
                                          std::string* absolute, Debug*) {
  *absolute = path;
  return IOStatus::OK();
}

IOStatus CrashFileSystem::GetFreeSpace(const std::string&, const IOOptions&, std::uint64_t* free,
                                       Debug*) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t taken = used();
  *free = capacity_ > taken ? capacity_ - taken : 0;
  return IOStatus::OK();
}

IOStatus CrashFileSystem::IsDirectory(const std::string& path, const IOOptions&, bool* is, Debug*) {
  const std::lock_guard lock(mutex_);
  const auto found = tree_.find(clean(path));
  if (found == tree_.end()) return missing(path);
  *is = !found->second;
  return IOStatus::OK();
}

}  // namespace roost::storage
