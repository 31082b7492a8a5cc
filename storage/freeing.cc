// SPDX-License-Identifier: Apache-2.0
#include "storage/freeing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

namespace roost::storage {

Freeing::~Freeing() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (const int file : files_) ::close(file);
}

int Freeing::hold(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode) ||
      static_cast<std::uint64_t>(about.st_size) <= kStepBytes || waiting() >= kFilesMax) {
    return -1;
  }
  return ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

void Freeing::free(int file, bool deleted) {
  struct stat about {};
  // Under another name it is somebody's still.
  if (!deleted || ::fstat(file, &about) != 0 || about.st_nlink != 0) {
    ::close(file);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    files_.push_back(file);
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  changed_.notify_one();
}

std::size_t Freeing::waiting() const {
  const std::lock_guard lock(mutex_);
  return files_.size();
}

void Freeing::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !files_.empty(); });
    if (ending_) return;
    const int file = files_.front();
    lock.unlock();
    struct stat about {};
    std::uint64_t size = 0;
    if (::fstat(file, &about) == 0) size = static_cast<std::uint64_t>(about.st_size);
    const std::uint64_t left = shrink(file, size);
    lock.lock();
    if (left == 0) {
      files_.pop_front();
      ::close(file);
    }
    changed_.wait_for(lock, std::chrono::milliseconds(kPauseMs), [this] { return ending_; });
  }
}

std::uint64_t Freeing::shrink(int file, std::uint64_t size) {
  if (size <= kStepBytes) return 0;
  const std::uint64_t left = size - kStepBytes;
  return ::ftruncate(file, static_cast<off_t>(left)) == 0 ? left : 0;
}

}  // namespace roost::storage
