// SPDX-License-Identifier: Apache-2.0
// Who serves a core: its own thread, or while there is little to do that of its host. The guest's
// epoll set then stands in the host's, and the guest's thread is parked. Over send_off_load the
// host sends half of its guests off to their own threads, and calls them home, one at a time, when
// one thread would do again.
#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/core/core.h"

namespace roost::core {

namespace {

thread_local Core* t_thread_of = nullptr;

}  // namespace

void Core::be_guest_of(Core& host) {
  CHECK(!thread_.joinable() && !host.thread_.joinable() && &host != this);
  host_ = &host;
}

// --- the guest ---

void Core::be_thread() {
  t_thread_of = this;
  if (host_ == nullptr) load_.measure(::pthread_self());
}

bool Core::is_served_here() const {
  return t_thread_of != nullptr && served_by_.load(std::memory_order_relaxed) == t_thread_of;
}

// In a turn of the host: something in this core's epoll set is ready.
void Core::on_ready(std::uint32_t) { host_->is_due(*this); }

// Requires: the host's thread, outside of turns.
void Core::turn_as_guest() {
  epoll_event events[kEventsMax];
  const std::lock_guard lock(turn_lock_);
  asleep_.store(false);
  const int count = ::epoll_wait(epoll_fd_, events, kEventsMax, 0);
  turn(events, std::max(count, 0), Part::all);
  counters_.hosted_turns.add();
  notify_posted();
  prepare_sleep();
  asleep_.store(true);
  // Whoever posted since then claims it; what was posted before is ours.
  if (mail_waiting_.load() > 0 && claim_sleeper()) host_->is_due(*this);
}

void Core::park() {
  std::unique_lock lock(park_lock_);
  unparked_.wait(lock, [this] { return is_on_its_own() || stopping_.load(); });
}

// On this core's own thread, outside of turns.
void Core::go_home() {
  called_home_.store(false);
  {
    const std::lock_guard lock(turn_lock_);
    set_exclusives(false);
    served_by_.store(host_);
  }
  asleep_.store(true);  // mail until the host has taken this core in waits for that
  {
    const std::lock_guard lock(host_->park_lock_);
    host_->came_home_.push_back(this);
  }
  host_->somebody_came_.store(true);
  host_->wake();
}

void Core::set_exclusives(bool watched) {
  for (Exclusive& each : exclusives_) {
    if (each.watched == watched) continue;
    if (watched) {
      each.watched = add_watch(each.fd, each.events, *each.watcher);
    } else {
      epoll_event unused{};
      CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, each.fd, &unused) == 0);
      each.watched = false;
    }
  }
}

// --- the host ---

// No mail, for that may run on any thread.
void Core::take_in_who_came() {
  somebody_came_.store(false);
  std::vector<Core*> came;
  {
    const std::lock_guard lock(park_lock_);
    came.swap(came_home_);
  }
  for (Core* guest : came) take_in(*guest);
}

// Before start() or between turns.
void Core::take_in(Core& guest) {
  {
    const std::lock_guard lock(guest.turn_lock_);
    guest.set_exclusives(false);
    guest.served_by_.store(this);
    guest.prepare_sleep();
  }
  CHECK(add_watch(guest.epoll_fd_, EPOLLIN, guest));
  guests_.push_back(&guest);
  is_due(guest);
}

void Core::is_due(Core& guest) {
  if (std::exchange(guest.is_due_, true)) return;
  due_.push_back(&guest);
}

void Core::serve_guests(SteadyMs now_ms) {
  for (Core* guest : guests_) {
    if (guest->sleeping_until_ <= now_ms) is_due(*guest);
  }
  being_served_.swap(due_);  // who gets due again waits for the host's own sockets
  for (Core* guest : being_served_) {
    guest->is_due_ = false;
    guest->turn_as_guest();
  }
  being_served_.clear();
}

// Between turns. At most one change a window.
void Core::balance() {
  if (guests_.empty() && away_.empty()) return;
  const std::int64_t now_ns = steady_ns();
  if (load_.window_ns(now_ns) < rules_.window_ms * 1'000'000LL) return;
  const double load = load_.load(now_ns);
  if (load > rules_.send_off_load && !guests_.empty()) {
    send_off((guests_.size() + 1) / 2);
  } else if (!away_.empty()) {
    call_home(load, now_ns);
  }
  load_.restart(now_ns);
  for (Core* guest : away_) guest->load_.restart(now_ns);
}

void Core::send_off(std::size_t count) {
  quiet_windows_ = 0;
  for (; count > 0; --count) {
    Core& guest = *guests_.back();
    guests_.pop_back();
    epoll_event unused{};
    CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, guest.epoll_fd_, &unused) == 0);
    if (std::exchange(guest.is_due_, false)) std::erase(due_, &guest);
    {
      const std::scoped_lock lock(guest.turn_lock_, guest.park_lock_);
      guest.set_exclusives(true);
      guest.served_by_.store(&guest);
    }
    guest.unparked_.notify_one();
    away_.push_back(&guest);
    counters_.sent_off.add();
  }
}

// The one with the least to do, once that has been little for a while.
void Core::call_home(double own_load, std::int64_t now_ns) {
  double least = away_[0]->load_.load(now_ns);
  std::size_t which = 0;
  for (std::size_t i = 1; i < away_.size(); ++i) {
    const double load = away_[i]->load_.load(now_ns);
    if (load >= least) continue;
    least = load;
    which = i;
  }
  quiet_windows_ = own_load + least < rules_.call_home_load ? quiet_windows_ + 1 : 0;
  if (quiet_windows_ < rules_.quiet_windows) return;
  Core& guest = *away_[which];
  away_.erase(away_.begin() + static_cast<std::ptrdiff_t>(which));
  guest.called_home_.store(true);
  guest.wake();
  counters_.called_home.add();
}

}  // namespace roost::core
