// SPDX-License-Identifier: Apache-2.0
// Gives the blocks of deleted files back a little at a time. To free a large file at once makes one
// large transaction of the file system's journal (with discards where the disk wants them), and the
// log's next fdatasync waits for it. A file without a name that is held open is nobody's, so after
// a crash the file system itself frees what is left. Thread: any thread; the work is done on one of
// its own. Owner: PatientFiles.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace roost::storage {

class Freeing {
 public:
  static constexpr std::uint64_t kStepBytes = 4 << 20;
  static constexpr int kPauseMs = 5;
  // Held open at once, each a file descriptor; above it files are freed as they are deleted.
  static constexpr std::size_t kFilesMax = 64;

  Freeing() = default;
  ~Freeing();  // frees the rest at once
  Freeing(const Freeing&) = delete;
  Freeing& operator=(const Freeing&) = delete;

  // Before the file is deleted: holds it open. -1: small, or not ours to open; just delete it.
  int hold(const std::string& path);
  // After it was deleted, or was not (`deleted` false). Takes the descriptor.
  void free(int file, bool deleted);
  std::size_t waiting() const;

 private:
  void work();
  // The next smaller size; 0: nothing left.
  static std::uint64_t shrink(int file, std::uint64_t size);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<int> files_;  // guarded by mutex_, as the next
  bool ending_ = false;
  std::thread thread_;  // started with the first file
};

}  // namespace roost::storage
