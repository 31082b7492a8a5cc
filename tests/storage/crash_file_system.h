// SPDX-License-Identifier: Apache-2.0
// A disk in memory that keeps what a disk keeps: bytes that were synced, names whose folder was
// synced. restart() is a power cut: of the rest it leaves what the seed says, torn and out of
// order. Faults come by event: everything that changes the disk (append, sync, create, rename,
// delete, sync of a folder) is one. Thread: any thread.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roost::storage {

class CrashFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  enum class Event { append, sync, create, rename, remove, sync_folder };

  // `root` is a folder that is there and durable.
  CrashFileSystem(std::uint64_t seed, const std::string& root);
  const char* Name() const override { return "CrashFileSystem"; }

  // --- what the test does to it ---
  // The power goes at the event with this number, counted from now: it and all later ones fail.
  void cut_at(std::uint64_t event);
  // The event of this kind with this number fails once.
  void fail_at(Event kind, std::uint64_t event);
  bool is_cut() const;
  std::uint64_t events() const;
  // The power comes back: what was not synced is forgotten, or partly left.
  void restart();
  void set_capacity(std::uint64_t bytes);
  std::vector<std::string> names(std::string_view containing) const;
  std::string read(const std::string& name) const;
  void flip_bit(const std::string& name, std::size_t byte);
  void write(const std::string& name, const std::string& bytes);  // durable
  void remove(const std::string& name);                           // durable

  // --- what RocksDB and the store do with it ---
  using Status = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using FileOptions = rocksdb::FileOptions;
  using Debug = rocksdb::IODebugContext;
  Status NewSequentialFile(const std::string& name, const FileOptions&,
                           std::unique_ptr<rocksdb::FSSequentialFile>* file, Debug*) override;
  Status NewRandomAccessFile(const std::string& name, const FileOptions&,
                             std::unique_ptr<rocksdb::FSRandomAccessFile>* file, Debug*) override;
  Status NewWritableFile(const std::string& name, const FileOptions&,
                         std::unique_ptr<rocksdb::FSWritableFile>* file, Debug*) override;
  Status ReopenWritableFile(const std::string& name, const FileOptions&,
                            std::unique_ptr<rocksdb::FSWritableFile>* file, Debug*) override;
  Status ReuseWritableFile(const std::string& name, const std::string& old, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, Debug*) override;
  Status NewRandomRWFile(const std::string& name, const FileOptions&,
                         std::unique_ptr<rocksdb::FSRandomRWFile>* file, Debug*) override;
  Status NewMemoryMappedFileBuffer(
      const std::string& name, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>* buffer) override;
  Status NewDirectory(const std::string& name, const IOOptions&,
                      std::unique_ptr<rocksdb::FSDirectory>* folder, Debug*) override;
  Status FileExists(const std::string& name, const IOOptions&, Debug*) override;
  Status GetChildren(const std::string& folder, const IOOptions&, std::vector<std::string>* names,
                     Debug*) override;
  Status GetChildrenFileAttributes(const std::string& folder, const IOOptions&,
                                   std::vector<rocksdb::Env::FileAttributes>* found,
                                   Debug*) override;
  Status DeleteFile(const std::string& name, const IOOptions&, Debug*) override;
  Status Truncate(const std::string& name, size_t size, const IOOptions&, Debug*) override;
  Status CreateDir(const std::string& name, const IOOptions&, Debug*) override;
  Status CreateDirIfMissing(const std::string& name, const IOOptions&, Debug*) override;
  Status DeleteDir(const std::string& name, const IOOptions&, Debug*) override;
  Status GetFileSize(const std::string& name, const IOOptions&, std::uint64_t* size,
                     Debug*) override;
  Status GetFileModificationTime(const std::string& name, const IOOptions&, std::uint64_t* time,
                                 Debug*) override;
  Status RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                    Debug*) override;
  Status LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                  Debug*) override;
  Status NumFileLinks(const std::string& name, const IOOptions&, std::uint64_t* count,
                      Debug*) override;
  Status AreFilesSame(const std::string& one, const std::string& other, const IOOptions&,
                      bool* same, Debug*) override;
  Status LockFile(const std::string& name, const IOOptions&, rocksdb::FileLock** lock,
                  Debug*) override;
  Status UnlockFile(rocksdb::FileLock* lock, const IOOptions&, Debug*) override;
  Status GetAbsolutePath(const std::string& path, const IOOptions&, std::string* absolute,
                         Debug*) override;
  Status GetFreeSpace(const std::string& path, const IOOptions&, std::uint64_t* free,
                      Debug*) override;
  Status IsDirectory(const std::string& path, const IOOptions&, bool* is, Debug*) override;

 private:
  struct File {
    std::string bytes;
    std::size_t synced = 0;
  };
  using FilePtr = std::shared_ptr<File>;  // a folder's entry is null
  using Tree = std::map<std::string, FilePtr>;
  // A change of a folder that was not synced, all or nothing: what became of names.
  struct Change {
    std::string folder;
    std::vector<std::pair<std::string, std::optional<FilePtr>>> names;  // nothing: gone
  };
  class Reader;
  class Writer;
  class Folder;

  // Counts an event; an error where it is one that fails. All private ones: mutex_ is held.
  Status happen(Event kind);
  Status find(const std::string& name, FilePtr* file) const;
  void change(Change change);
  void change(const std::string& name, std::optional<FilePtr> now);
  static void apply(const Change& change, Tree& tree);
  Status append(File& file, const rocksdb::Slice& bytes);
  Status sync(File& file);
  Status sync_folder(const std::string& name);
  std::uint64_t used() const;
  void tear(File& file);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  Tree tree_;     // as programs see it
  Tree durable_;  // as it is after a cut, before `changes_`
  std::vector<Change> changes_;
  std::uint64_t events_ = 0;
  std::uint64_t cut_at_ = ~0ULL;
  bool cut_ = false;
  std::optional<Event> fail_kind_;
  std::uint64_t fail_in_ = 0;
  std::uint64_t capacity_ = ~0ULL;
};

}  // namespace roost::storage
