// SPDX-License-Identifier: Apache-2.0
#include "storage/patient_files.h"

#include <string_view>
#include <utility>

namespace roost::storage {

class PatientFiles::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(PatientFiles& files, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), files_(files) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& bytes, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = rocksdb::IOStatus::NoSpace();
    if (!positioned_) status = FSWritableFileOwnerWrapper::Append(bytes, options, debug);
    while (status.IsNoSpace() && (positioned_ || files_.wait_for_room())) {
      // How much of it was written is not known, and the file's own position is wrong from now on.
      positioned_ = true;
      status = PositionedAppend(bytes, end_, options, debug);
      if (status.IsNoSpace() && !files_.wait_for_room()) break;
    }
    if (status.ok()) end_ += bytes.size();
    return status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& bytes, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&,
                           rocksdb::IODebugContext* debug) override {
    return Append(bytes, options, debug);
  }
  // What an fsync that fails leaves is not known, also where room was what it lacked.
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return without_hope(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return without_hope(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }
  rocksdb::IOStatus Truncate(std::uint64_t size, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FSWritableFileOwnerWrapper::Truncate(size, options, debug);
    if (status.ok()) end_ = size;
    return status;
  }

 private:
  static rocksdb::IOStatus without_hope(const rocksdb::IOStatus& status) {
    return status.IsNoSpace() ? rocksdb::IOStatus::IOError(status.ToString()) : status;
  }

  PatientFiles& files_;
  std::uint64_t end_ = 0;
  bool positioned_ = false;
};

void PatientFiles::when_full(Wait wait) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return waiters_ == 0; });
  wait_ = std::move(wait);
}

bool PatientFiles::wait_for_room() {
  Wait wait;
  {
    const std::lock_guard lock(mutex_);
    if (!wait_) return false;
    wait = wait_;
    ++waiters_;
  }
  const bool again = wait();
  const std::lock_guard lock(mutex_);
  if (--waiters_ == 0) idle_.notify_all();
  return again;
}

rocksdb::IOStatus PatientFiles::NewWritableFile(const std::string& name,
                                                const rocksdb::FileOptions& options,
                                                std::unique_ptr<rocksdb::FSWritableFile>* file,
                                                rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, debug);
  const std::string_view base = std::string_view(name).substr(name.rfind('/') + 1);
  if (status.ok() && (base.ends_with(".log") || base.starts_with("MANIFEST"))) {
    *file = std::make_unique<File>(*this, std::move(*file));
  }
  return status;
}

rocksdb::IOStatus PatientFiles::DeleteFile(const std::string& name,
                                           const rocksdb::IOOptions& options,
                                           rocksdb::IODebugContext* debug) {
  const int held = freeing_.hold(name);
  rocksdb::IOStatus status = FileSystemWrapper::DeleteFile(name, options, debug);
  if (held >= 0) freeing_.free(held, status.ok());
  return status;
}

}  // namespace roost::storage
