// SPDX-License-Identifier: Apache-2.0
// A file system below RocksDB that doesn't let it see a full disk where it writes its logs: RocksDB
// can't go on with a write-ahead log after a failed write (Debian's build asserts). The write waits
// until there is room and is then made again at its place. Tables meet the full disk: a compaction
// must fail to give its room back. And large files are freed little by little (freeing.h).
// Thread: any thread.
// Owner: the database's setup.
#pragma once

#include <rocksdb/file_system.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "storage/freeing.h"

namespace roost::storage {

class PatientFiles final : public rocksdb::FileSystemWrapper {
 public:
  // Waits a while for room. False: nobody wants to wait any more, the write fails.
  using Wait = std::function<bool()>;

  explicit PatientFiles(const std::shared_ptr<rocksdb::FileSystem>& files)
      : FileSystemWrapper(files) {}
  const char* Name() const override { return "roost.PatientFiles"; }

  // Null: no write waits. Returns when nobody is in the call that was given before.
  void when_full(Wait wait);

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;

  bool wait_for_room();

  std::mutex mutex_;
  std::condition_variable idle_;
  Wait wait_;        // guarded by mutex_, as the next
  int waiters_ = 0;  // in wait_
  Freeing freeing_;
};

}  // namespace roost::storage
