// SPDX-License-Identifier: Apache-2.0
// Hashes that one core puts in and any may ask for, in parts that don't wait for each other. For
// what is asked seldom: each call takes a lock.
// Thread: any; changes of a part one at a time.
// Owner: what the cores share.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace roost::core {

class SharedSet {
 public:
  using Hashes = boost::unordered_flat_set<std::uint64_t>;

  // Before anything else; the first call counts.
  void open(std::size_t parts) {
    if (!parts_) parts_ = std::make_unique<Part[]>(parts);
  }
  void insert(std::size_t part, std::uint64_t hash) {
    const std::lock_guard lock(parts_[part].mutex);
    if (parts_[part].hashes.insert(hash).second) size_.fetch_add(1, std::memory_order_relaxed);
  }
  void erase(std::size_t part, std::uint64_t hash) {
    const std::lock_guard lock(parts_[part].mutex);
    size_.fetch_sub(parts_[part].hashes.erase(hash), std::memory_order_relaxed);
  }
  // In place of what is in that part.
  void replace(std::size_t part, Hashes hashes) {
    const std::lock_guard lock(parts_[part].mutex);
    size_.fetch_add(hashes.size() - parts_[part].hashes.size(), std::memory_order_relaxed);
    parts_[part].hashes = std::move(hashes);
  }
  bool contains(std::size_t part, std::uint64_t hash) const {
    const std::lock_guard lock(parts_[part].mutex);
    return parts_[part].hashes.contains(hash);
  }
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }  // without a lock

 private:
  struct Part {
    mutable std::mutex mutex;
    Hashes hashes;  // guarded by mutex
  };

  std::unique_ptr<Part[]> parts_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace roost::core
