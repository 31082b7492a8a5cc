// SPDX-License-Identifier: Apache-2.0
// What a test does to the disk; crash_file_system.cc is what it does by itself.
#include <algorithm>

#include "tests/storage/crash_file_system.h"

namespace roost::storage {

using rocksdb::IOStatus;

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

}  // namespace roost::storage
