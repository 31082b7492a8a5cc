// SPDX-License-Identifier: Apache-2.0
#include "broker/base/file_watch.h"

#include <sys/stat.h>

#include <utility>

namespace roost::base {

FileWatch::FileWatch(std::vector<std::string> paths) {
  for (std::string& path : paths) {
    const State now = state_of(path);
    files_.push_back({std::move(path), now, now});
  }
}

FileWatch::State FileWatch::state_of(const std::string& path) {
  struct stat found = {};
  if (::stat(path.c_str(), &found) != 0) return {};
  constexpr std::int64_t kNsPerS = 1'000'000'000;
  return {found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size),
          found.st_mtim.tv_sec * kNsPerS + found.st_mtim.tv_nsec};
}

std::vector<std::string> FileWatch::look() {
  std::vector<std::string> changed;
  for (Watched& file : files_) {
    const State now = state_of(file.path);
    const bool is_settled = now == std::exchange(file.last, now);
    if (!is_settled || now == file.reported || now == State()) continue;
    file.reported = now;
    changed.push_back(file.path);
  }
  return changed;
}

}  // namespace roost::base
