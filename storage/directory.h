// SPDX-License-Identifier: Apache-2.0
// The data directory: whose it is (a lock that names the owner's pid), which format it has, where
// its parts stand.
//   roost.pid   locked as long as the store is open     FORMAT    the version, in words
//   db/         RocksDB                                 damaged/  files put aside
//   reserve     the room that is given up when the disk is full
//   SUSPECT     there when a damaged page was met
// Thread: one at a time.
// Owner: the store.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <string_view>

#include "broker/base/log.h"
#include "broker/base/result.h"
#include "storage/lock.h"

namespace roost::storage {

class Directory {
 public:
  // Makes it if it is missing, locks it, checks its format. Errors: already_exists, naming the pid;
  // invalid_argument, naming both versions; io.
  static Result<std::unique_ptr<Directory>> open(const std::string& path,
                                                 rocksdb::FileSystem& files, Log& log);
  ~Directory();  // gives the lock back
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/db"; }
  std::string reserve() const { return path_ + "/reserve"; }
  std::string damaged() const { return path_ + "/damaged"; }
  // A copy that checkpoint() made and nobody opened yet.
  bool is_copy() const { return is_copy_; }
  Result<void> forget_being_copy();

  // A damaged page was met while the store ran: the next open() reads every table's checksums.
  bool is_suspect() const;
  Result<void> set_suspect(bool suspect);
  // A write or an fsync failed: what is here may be less than what was promised. The next open()
  // takes a new uuid. R7
  bool is_unsure() const;
  Result<void> set_unsure(bool unsure);

  // What FORMAT holds in a directory whose db/ is a copy.
  static std::string text_of_copy();
  // The version in the text of `path`/FORMAT. Errors: invalid_argument (newer; names both),
  // corrupt.
  static Result<int> check_version(const std::string& path, std::string_view text);

 private:
  Directory(std::string path, rocksdb::FileSystem& files, DirectoryLock lock);

  Result<void> check_format(Log& log);
  bool has(std::string_view mark) const;
  Result<void> set(std::string_view mark, std::string_view content, bool there);

  const std::string path_;
  rocksdb::FileSystem& files_;
  const DirectoryLock lock_;
  bool is_copy_ = false;
};

// Old or new, never half: written beside it, synced, renamed, the folder synced.
rocksdb::IOStatus replace_file(rocksdb::FileSystem& files, const std::string& folder,
                               const std::string& name, const std::string& content);
rocksdb::IOStatus sync_folder(rocksdb::FileSystem& files, const std::string& folder);

}  // namespace roost::storage
