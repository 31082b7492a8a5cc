// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <ctime>

#include "broker/base/check.h"
#include "broker/cli/bench/link.h"

namespace roost::cli::bench {
namespace {

constexpr int kEventsPerTurn = 512;

epoll_event interest(Link& link, bool wait_to_write) {
  epoll_event event{};
  event.events = wait_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &link;
  return event;
}

}  // namespace

std::uint64_t clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Loop::Loop(std::size_t scratch_bytes)
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), scratch_(scratch_bytes) {
  CHECK(epoll_fd_ >= 0);
}

Loop::~Loop() { ::close(epoll_fd_); }

void Loop::add(int fd, Link& link, bool wait_to_write) {
  epoll_event event = interest(link, wait_to_write);
  CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void Loop::change(int fd, Link& link, bool wait_to_write) {
  epoll_event event = interest(link, wait_to_write);
  CHECK(epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void Loop::turn(std::int64_t timeout_ns) {
  epoll_event events[kEventsPerTurn];
  const timespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  const int ready = epoll_pwait2(epoll_fd_, events, kEventsPerTurn, &timeout, nullptr);
  read_clock();
  for (int i = 0; i < ready; ++i) {
    static_cast<Link*>(events[i].data.ptr)->on_events(events[i].events);
  }
}

void Loop::flush() {
  for (Link* link : dirty_) link->flush();
  dirty_.clear();
}

}  // namespace roost::cli::bench
