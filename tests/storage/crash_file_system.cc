// SPDX-License-Identifier: Apache-2.0
#include "tests/storage/crash_file_system.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace roost::storage {

using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

std::string clean(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out.push_back(c);
  }
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string folder_of(const std::string& name) {
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

IOStatus missing(const std::string& name) { return IOStatus::PathNotFound(name, "not there"); }

}  // namespace

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

// --- faults ---

void CrashFileSystem::cut_at(std::uint64_t event) {
  const std::lock_guard lock(mutex_);
  cut_at_ = events_ + event;
}

void CrashFileSystem::fail_at(Event kind, std::uint64_t event) {
  const std::lock_guard lock(mutex_);
  fail_kind_ = kind;
  fail_in_ = event;
}

bool CrashFileSystem::is_cut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}

std::uint64_t CrashFileSystem::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

IOStatus CrashFileSystem::happen(Event kind) {
  if (events_++ >= cut_at_) cut_ = true;
  if (cut_) return IOStatus::IOError("the power is gone");
  if (fail_kind_ == kind && fail_in_-- == 0) {
    fail_kind_.reset();
    return IOStatus::IOError("a fault of the disk");
  }
  return IOStatus::OK();
}

// What a cut leaves of the bytes that were not synced: a part, of which pages may be empty.
void CrashFileSystem::tear(File& file) {
  constexpr std::size_t kPage = 512;
  const std::size_t loose = file.bytes.size() - file.synced;
  if (loose > 0) {
    const bool forget = random_() % 2 == 0;
    file.bytes.resize(file.synced + (forget ? 0 : random_() % (loose + 1)));
    for (std::size_t at = file.synced; at < file.bytes.size(); at += kPage) {
      if (random_() % 4 != 0) continue;
      const std::size_t size = std::min(kPage, file.bytes.size() - at);
      std::fill_n(file.bytes.begin() + static_cast<std::ptrdiff_t>(at), size, '\0');
    }
  }
  file.synced = file.bytes.size();
}

void CrashFileSystem::restart() {
  const std::lock_guard lock(mutex_);
  const std::size_t kept = random_() % 2 == 0 ? 0 : random_() % (changes_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) apply(changes_[i], durable_);
  // What stands in a folder that is gone is gone.
  std::erase_if(durable_, [this](const auto& entry) {
    const std::string folder = folder_of(entry.first);
    return !folder.empty() && durable_.find(folder) == durable_.end();
  });
  std::set<File*> seen;
  for (auto& [name, file] : durable_) {
    if (!file) continue;
    file = std::make_shared<File>(*file);  // writers of before the cut write to nowhere
    tear(*file);
  }
  tree_ = durable_;
  changes_.clear();
  cut_ = false;
  cut_at_ = ~0ULL;
  fail_kind_.reset();
}

void CrashFileSystem::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

std::vector<std::string> CrashFileSystem::names(std::string_view containing) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  for (const auto& [name, file] : tree_) {
    if (file && name.find(containing) != std::string::npos) found.push_back(name);
  }
  return found;
}

std::string CrashFileSystem::read(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  FilePtr file;
  return find(name, &file).ok() ? file->bytes : std::string();
}

void CrashFileSystem::flip_bit(const std::string& name, std::size_t byte) {
  const std::lock_guard lock(mutex_);
  FilePtr file;
  if (find(name, &file).ok() && byte < file->bytes.size()) file->bytes[byte] ^= 0x10;
}

void CrashFileSystem::write(const std::string& name, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  tree_[name] = durable_[name] = std::make_shared<File>(File{bytes, bytes.size()});
}

void CrashFileSystem::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  tree_.erase(name);
  durable_.erase(name);
}

// --- the disk ---

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
