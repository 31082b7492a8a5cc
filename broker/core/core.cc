// SPDX-License-Identifier: Apache-2.0
#include "broker/core/core.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "broker/base/check.h"

namespace roost::core {

namespace {

thread_local Core* t_current = nullptr;

}  // namespace

// What makes the calling thread the one that runs this core's turn, and measures it.
class Core::TurnScope {
 public:
  explicit TurnScope(Core& core)
      : core_(core), outer_(std::exchange(t_current, &core)), begin_ns_(core.clock_.steady_ns()) {
    core.now_ms_ = begin_ns_ / 1'000'000;
    core.wall_ms_ = core.clock_.wall_ms();
  }
  ~TurnScope() {
    core_.note_turn(core_.clock_.steady_ns() - begin_ns_);
    t_current = outer_;
  }
  TurnScope(const TurnScope&) = delete;
  TurnScope& operator=(const TurnScope&) = delete;
  std::int64_t begin_ns() const { return begin_ns_; }

 private:
  Core& core_;
  Core* const outer_;
  const std::int64_t begin_ns_;
};

Core::Core(CoreId id, const Clock& clock, const HostRules& rules)
    : id_(id),
      clock_(clock),
      rules_(rules),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_ms_(clock.steady_ms()),
      wall_ms_(clock.wall_ms()),
      timers_(now_ms_),
      scratch_(std::make_unique_for_overwrite<std::uint8_t[]>(2 * kScratchSize)) {
  CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0);
  // Edge-triggered: every write is one event and nobody ever has to read the eventfd.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = &wake_fd_}};
  CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
}

Core::~Core() {
  stop();
  // What tasks own may belong to this core still, so they go while all of it is there.
  for (Outbox& outbox : outboxes_) outbox.tasks.clear();
  mail_.clear();
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

Core* Core::current() { return t_current; }

bool Core::watch(int fd, std::uint32_t events, Watcher& watcher, bool exclusive) {
  DCHECK(is_current() || !thread_.joinable());
  if (!exclusive) return add_watch(fd, events, watcher);
  Exclusive entry{fd, events | static_cast<std::uint32_t>(EPOLLEXCLUSIVE), &watcher, false};
  if (is_on_its_own()) {
    entry.watched = add_watch(fd, entry.events, watcher);
    if (!entry.watched) return false;
  }
  exclusives_.push_back(entry);
  return true;
}

bool Core::add_watch(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0) return true;
  CHECK(errno == ENOSPC || errno == ENOMEM);  // all else would be a mistake of ours
  return false;
}

void Core::rewatch(int fd, std::uint32_t events, Watcher& watcher) {
  DCHECK(is_current() || !thread_.joinable());
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0);
}

void Core::unwatch(int fd, Watcher& watcher) {
  DCHECK(is_current() || !thread_.joinable());
  const auto exclusive = std::find_if(exclusives_.begin(), exclusives_.end(),
                                      [fd](const Exclusive& each) { return each.fd == fd; });
  const bool watched = exclusive == exclusives_.end() || exclusive->watched;
  if (exclusive != exclusives_.end()) exclusives_.erase(exclusive);
  epoll_event unused{};
  if (watched) CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &unused) == 0);
  ++unwatches_;
  for (int i = 0; i < ready_count_; ++i) {
    if (ready_[i].data.ptr == &watcher) ready_[i].data.ptr = nullptr;
  }
}

void Core::add_turn_end(TurnEnd& work) {
  DCHECK(is_current() || !thread_.joinable());
  turn_end_.add(work);
}

void Core::in_background(Background& work, bool first) {
  DCHECK(is_current() || !thread_.joinable());
  if (!work.is_listed()) (first ? urgent_ : patient_).add(work);
}

void Core::start() {
  CHECK(!thread_.joinable());
  stopping_.store(false);
  called_home_.store(false);
  somebody_came_.store(false);
  came_home_.clear();  // a host's guests are started, and taken in, before it
  if (host_ != nullptr) host_->take_in(*this);
  thread_ = std::thread([this] { loop(); });
  if (host_ != nullptr) load_.measure(thread_.native_handle());
}

void Core::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(park_lock_);
    stopping_.store(true);
  }
  unparked_.notify_one();
  wake();
  thread_.join();
  // A borrowed turn may still run; the next one would see stopping_ under the lock.
  const std::lock_guard lock(turn_lock_);
}

void Core::loop() {
  ::pthread_setname_np(::pthread_self(), ("core " + std::to_string(id_.value)).c_str());
  be_thread();
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (!is_on_its_own()) {
      park();
      continue;
    }
    wait_and_turn(-1);
    if (called_home_.load(std::memory_order_relaxed)) go_home();
    if (somebody_came_.load(std::memory_order_relaxed)) take_in_who_came();
    balance();
  }
  send_off(guests_.size());
  away_.clear();
}

void Core::run_once(int wait_ms) {
  CHECK(!thread_.joinable());
  {
    const std::lock_guard lock(turn_lock_);
    prepare_sleep();  // timers may have been armed since the last turn
  }
  wait_and_turn(wait_ms);
}

void Core::wait_and_turn(int wait_ms) {
  epoll_event events[kEventsMax];
  asleep_.store(true);
  int timeout = timeout_ms(wait_ms);
  // A poster puts mail, then looks at asleep_; we set asleep_, then look at the mail: in the one
  // order of these sequentially consistent operations at least one of us sees the other.
  if (mail_waiting_.load() > 0 || stopping_.load()) timeout = 0;
  int count = ::epoll_wait(epoll_fd_, events, kEventsMax, timeout);
  CHECK(count >= 0 || errno == EINTR);

  SteadyMs now_ms = 0;
  {
    const std::lock_guard lock(turn_lock_);
    asleep_.store(false);
    // A borrowed turn unwatched something after these were fetched: maybe one of them. Epoll is
    // level-triggered, so the others come again.
    if (count < 0 || unwatches_ != unwatches_seen_) count = 0;
    turn(events, count, Part::all);
    notify_posted();
    prepare_sleep();
    now_ms = now_ms_;
    // So that guests, served next, run the turns that they cause here at once.
    if (!guests_.empty()) asleep_.store(true);
  }
  if (!guests_.empty()) serve_guests(now_ms);
}

void Core::turn(epoll_event* events, int count, Part part) {
  const TurnScope scope(*this);
  run_ready(events, count);
  run_mail();
  timers_.run(now_ms_);
  run_turn_end();
  if (part == Part::all && background_waiting() > 0) run_background(scope.begin_ns());
  for (auto& spare : spares_) {
    if (spare.capacity() > kSpareCapacityKept) std::vector<std::uint8_t>().swap(spare);
  }
}

// What is ready waits for no more than the turn that runs.
void Core::note_turn(std::int64_t ns) {
  turn_ns_ = ns;
  counters_.turns.add();
  counters_.busy_ns.add(static_cast<std::uint64_t>(ns));
  if (now_ms_ - second_ms_ >= 1000) {
    counters_.longest_ns.set(static_cast<std::uint64_t>(longest_ns_));
    second_ms_ = now_ms_;
    longest_ns_ = 0;
  }
  longest_ns_ = std::max(longest_ns_, ns);
}

void Core::run_ready(epoll_event* events, int count) {
  for (int i = 0; i < count; ++i) {
    ready_ = events + i + 1;
    ready_count_ = count - i - 1;
    void* const owner = events[i].data.ptr;
    if (owner == &wake_fd_) {
      counters_.wakeups.add();
    } else if (owner != nullptr) {
      static_cast<Watcher*>(owner)->on_ready(events[i].events);
    }
  }
  ready_count_ = 0;
}

void Core::run_mail() {
  if (mail_waiting_.load(std::memory_order_relaxed) == 0) return;
  {
    const std::lock_guard lock(mail_lock_);
    mail_running_.swap(mail_);
    mail_waiting_.store(0, std::memory_order_relaxed);
  }
  counters_.mails.add(mail_running_.size());
  for (Task& task : mail_running_) task();
  mail_running_.clear();
  if (mail_running_.capacity() > kMailCapacityKept) std::vector<Task>().swap(mail_running_);
}

void Core::run_turn_end() {
  while (!turn_end_.empty()) turn_end_.take().on_turn_end();
}

// The longer the turn's sockets and mail took, the less is added to what the next ones wait.
void Core::run_background(std::int64_t turn_begin_ns) {
  do {
    next_background().on_background();
    counters_.background.add();
  } while (background_waiting() > 0 && clock_.steady_ns() - turn_begin_ns < kBackgroundNs);
  run_turn_end();
}

Background& Core::next_background() {
  const bool is_turn_of_patient = urgent_in_a_row_ >= kFirstInARow && !patient_.empty();
  if (urgent_.empty() || is_turn_of_patient) {
    urgent_in_a_row_ = 0;
    return patient_.take();
  }
  ++urgent_in_a_row_;
  return urgent_.take();
}

// When there is something to do though nothing comes.
SteadyMs Core::due_ms() const { return background_waiting() > 0 ? now_ms_ : timers_.next_run_ms(); }

void Core::prepare_sleep() {
  sleeping_until_ = due_ms();
  unwatches_seen_ = unwatches_;
}

// Until the next timer of the cores that this thread serves, at most wait_ms if that is not < 0.
int Core::timeout_ms(int wait_ms) const {
  constexpr SteadyMs kNever = std::numeric_limits<SteadyMs>::max();
  if (!due_.empty()) return 0;
  SteadyMs until = sleeping_until_;
  for (const Core* guest : guests_) until = std::min(until, guest->sleeping_until_);
  if (!away_.empty() && (wait_ms < 0 || wait_ms > rules_.window_ms)) wait_ms = rules_.window_ms;
  if (until == kNever) return wait_ms;
  const SteadyMs left =
      std::clamp<SteadyMs>(until - clock_.steady_ms(), 0, std::numeric_limits<int>::max());
  return wait_ms < 0 ? static_cast<int>(left) : std::min(static_cast<int>(left), wait_ms);
}

}  // namespace roost::core
