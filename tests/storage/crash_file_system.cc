// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/crash_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace roost::storage {

using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

IOStatus missing(const std::string& name) { return IOStatus::PathNotFound(name, "not there"); }

}  // namespace

std::string CrashFileSystem::clean(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out.push_back(c);
  }
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string CrashFileSystem::folder_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

class CrashFileSystem::Reader final : public rocksdb::FSSequentialFile,
                                      public rocksdb::FSRandomAccessFile {
 public:
  Reader(CrashFileSystem& disk, FilePtr file) : disk_(disk), file_(std::move(file)) {}

  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch,
                Debug* debug) override {
    const IOStatus status = Read(at_, n, options, result, scratch, debug);
    at_ += result->size();
    return status;
  }
  IOStatus Skip(std::uint64_t n) override {
    at_ += n;
    return IOStatus::OK();
  }
  IOStatus Read(std::uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                Debug*) const override {
    const std::lock_guard lock(disk_.mutex_);
    const std::size_t size = file_->bytes.size();
    const std::size_t from = std::min<std::size_t>(offset, size);
    const std::size_t count = std::min(n, size - from);
    std::memcpy(scratch, file_->bytes.data() + from, count);
    *result = Slice(scratch, count);
    return IOStatus::OK();
  }
  bool use_direct_io() const override { return false; }
  size_t GetRequiredBufferAlignment() const override { return rocksdb::kDefaultPageSize; }
  IOStatus InvalidateCache(size_t, size_t) override { return IOStatus::OK(); }
  rocksdb::Temperature GetTemperature() const override { return rocksdb::Temperature::kUnknown; }

 private:
  CrashFileSystem& disk_;
  const FilePtr file_;
  std::uint64_t at_ = 0;
};

class CrashFileSystem::Writer final : public rocksdb::FSWritableFile {
 public:
  Writer(CrashFileSystem& disk, FilePtr file) : disk_(disk), file_(std::move(file)) {}

  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& bytes, const IOOptions&, Debug*) override {
    const std::lock_guard lock(disk_.mutex_);
    return disk_.append(*file_, bytes);
  }
  IOStatus Append(const Slice& bytes, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, Debug* debug) override {
    return Append(bytes, options, debug);
  }
  using rocksdb::FSWritableFile::PositionedAppend;
  IOStatus PositionedAppend(const Slice& bytes, std::uint64_t at, const IOOptions&,
                            Debug*) override {
    const std::lock_guard lock(disk_.mutex_);
    file_->bytes.resize(std::min<std::size_t>(at, file_->bytes.size()));
    return disk_.append(*file_, bytes);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions&, Debug*) override {
    const std::lock_guard lock(disk_.mutex_);
    if (size < file_->bytes.size()) file_->bytes.resize(size);
    file_->synced = std::min(file_->synced, file_->bytes.size());
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions&, Debug*) override { return IOStatus::OK(); }
  IOStatus Flush(const IOOptions&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, Debug*) override {
    const std::lock_guard lock(disk_.mutex_);
    return disk_.sync(*file_);
  }
  std::uint64_t GetFileSize(const IOOptions&, Debug*) override {
    const std::lock_guard lock(disk_.mutex_);
    return file_->bytes.size();
  }

 private:
  CrashFileSystem& disk_;
  const FilePtr file_;
};

class CrashFileSystem::Folder final : public rocksdb::FSDirectory {
 public:
  Folder(CrashFileSystem& disk, std::string name) : disk_(disk), name_(std::move(name)) {}
  IOStatus Fsync(const IOOptions&, Debug*) override {
    const std::lock_guard lock(disk_.mutex_);
    return disk_.sync_folder(name_);
  }
  size_t GetUniqueId(char*, size_t) const override { return 0; }

 private:
  CrashFileSystem& disk_;
  const std::string name_;
};

CrashFileSystem::CrashFileSystem(std::uint64_t seed, const std::string& root)
    : FileSystemWrapper(rocksdb::FileSystem::Default()), random_(seed) {
  for (std::string name = clean(root); !name.empty(); name = folder_of(name)) {
    tree_[name] = nullptr;
  }
  durable_ = tree_;
}

IOStatus CrashFileSystem::find(const std::string& name, FilePtr* file) const {
  const auto found = tree_.find(clean(name));
  if (found == tree_.end() || !found->second) return missing(name);
  *file = found->second;
  return IOStatus::OK();
}

void CrashFileSystem::apply(const Change& change, Tree& tree) {
  for (const auto& [name, now] : change.names) {
    if (now) {
      tree[name] = *now;
    } else {
      tree.erase(name);
    }
  }
}

void CrashFileSystem::change(Change change) {
  apply(change, tree_);
  changes_.push_back(std::move(change));
}

void CrashFileSystem::change(const std::string& name, std::optional<FilePtr> now) {
  change({folder_of(name), {{name, std::move(now)}}});
}

std::uint64_t CrashFileSystem::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : tree_) bytes += file ? file->bytes.size() : 0;
  return bytes;
}

IOStatus CrashFileSystem::append(File& file, const Slice& bytes) {
  const IOStatus status = happen(Event::append);
  if (!status.ok()) {
    // A write that fails may have got some way.
    file.bytes.append(bytes.data(), random_() % (bytes.size() + 1));
    return status;
  }
  if (capacity_ != ~0ULL) {
    const std::uint64_t taken = used(), room = capacity_ > taken ? capacity_ - taken : 0;
    if (bytes.size() > room) {
      file.bytes.append(bytes.data(), room);
      return IOStatus::NoSpace("the disk is full");
    }
  }
  file.bytes.append(bytes.data(), bytes.size());
  return IOStatus::OK();
}

IOStatus CrashFileSystem::sync(File& file) {
  const IOStatus status = happen(Event::sync);
  if (status.ok()) file.synced = file.bytes.size();
  return status;
}

IOStatus CrashFileSystem::sync_folder(const std::string& name) {
  const IOStatus status = happen(Event::sync_folder);
  if (!status.ok()) return status;
  std::vector<Change> rest;
  for (Change& change : changes_) {
    if (change.folder == name) {
      apply(change, durable_);
    } else {
      rest.push_back(std::move(change));
    }
  }
  changes_ = std::move(rest);
  return status;
}

IOStatus CrashFileSystem::NewSequentialFile(const std::string& name, const FileOptions&,
                                            std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                            Debug*) {
  const std::lock_guard lock(mutex_);
  FilePtr found;
  const IOStatus status = find(name, &found);
  if (status.ok()) *file = std::make_unique<Reader>(*this, std::move(found));
  return status;
}

IOStatus CrashFileSystem::NewRandomAccessFile(const std::string& name, const FileOptions&,
                                              std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                              Debug*) {
  const std::lock_guard lock(mutex_);
  FilePtr found;
  const IOStatus status = find(name, &found);
  if (status.ok()) *file = std::make_unique<Reader>(*this, std::move(found));
  return status;
}

IOStatus CrashFileSystem::NewWritableFile(const std::string& name, const FileOptions&,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file, Debug*) {
  const std::lock_guard lock(mutex_);
  const IOStatus status = happen(Event::create);
  if (!status.ok()) return status;
  if (tree_.find(folder_of(clean(name))) == tree_.end()) return missing(name);
  auto made = std::make_shared<File>();
  change(clean(name), made);
  *file = std::make_unique<Writer>(*this, std::move(made));
  return status;
}

IOStatus CrashFileSystem::ReopenWritableFile(const std::string& name, const FileOptions&,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             Debug*) {
  const std::lock_guard lock(mutex_);
  FilePtr found;
  const IOStatus status = find(name, &found);
  if (status.ok()) *file = std::make_unique<Writer>(*this, std::move(found));
  return status;
}

IOStatus CrashFileSystem::ReuseWritableFile(const std::string&, const std::string&,
                                            const FileOptions&,
                                            std::unique_ptr<rocksdb::FSWritableFile>*, Debug*) {
  return IOStatus::NotSupported("reuse");
}
IOStatus CrashFileSystem::NewRandomRWFile(const std::string&, const FileOptions&,
                                          std::unique_ptr<rocksdb::FSRandomRWFile>*, Debug*) {
  return IOStatus::NotSupported("random writes");
}
IOStatus CrashFileSystem::NewMemoryMappedFileBuffer(
    const std::string&, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) {
  return IOStatus::NotSupported("maps");
}

IOStatus CrashFileSystem::NewDirectory(const std::string& name, const IOOptions&,
                                       std::unique_ptr<rocksdb::FSDirectory>* folder, Debug*) {
  const std::lock_guard lock(mutex_);
  if (tree_.find(clean(name)) == tree_.end()) return missing(name);
  *folder = std::make_unique<Folder>(*this, clean(name));
  return IOStatus::OK();
}

}  // namespace roost::storage
