// SPDX-License-Identifier: Apache-2.0
// The load generator's event loop: one epoll, one read buffer, writes gathered until the end of a
// turn. Deliberately small, so that what is measured is the broker.
// Thread: own thread.
// Owner: a worker; links must be closed before it goes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace roost::cli::bench {

class Link;

// Nanoseconds of CLOCK_MONOTONIC.
std::uint64_t clock_ns();

class Loop {
 public:
  explicit Loop(std::size_t scratch_bytes);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void add(int fd, Link& link, bool wait_to_write);
  void change(int fd, Link& link, bool wait_to_write);

  // Waits for at most `timeout_ns` and handles what is there.
  void turn(std::int64_t timeout_ns);
  // Writes what the links have gathered.
  void flush();
  // The link has something to write.
  void mark_dirty(Link& link) { dirty_.push_back(&link); }

  // The time after the last wait.
  std::uint64_t now_ns() const { return now_ns_; }
  void read_clock() { now_ns_ = clock_ns(); }
  std::span<std::uint8_t> scratch() { return scratch_; }

 private:
  int epoll_fd_;
  std::uint64_t now_ns_ = clock_ns();
  std::vector<std::uint8_t> scratch_;
  std::vector<Link*> dirty_;
};

}  // namespace roost::cli::bench
