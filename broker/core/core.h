// SPDX-License-Identifier: Apache-2.0
// One core: a thread, an epoll set, a timer wheel, a mailbox. Everything core-bound belongs to one
// core and is touched only inside one of its turns. A turn: ready sockets -> mail -> timers ->
// turn-end work (flushes). A turn belongs to whoever holds the turn lock: usually the core's own
// thread; while that sleeps, a core that posts a little mail runs the turn itself, because waking
// a thread costs more than a message (DESIGN section 13; decision in README.md).
// Thread: own thread; post() and the getters marked so from any thread.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/counter.h"
#include "broker/base/ids.h"
#include "broker/core/task.h"
#include "broker/core/timer_wheel.h"

namespace roost::core {

// A file descriptor's owner. `events` are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP.
class Watcher {
 public:
  virtual void on_ready(std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

// Something that wants to be called once at the end of the turn. Embedding makes the list
// intrusive: no allocation per message.
class TurnEnd {
 public:
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEnd();  // leaves the list

 private:
  friend class Core;
  TurnEnd* next_ = nullptr;
  TurnEnd* previous_ = nullptr;
  class Core* listed_ = nullptr;
};

struct CoreCounters {
  Counter turns, wakeups, mails, borrowed_turns;  // borrowed: run by another core's thread
  Counter busy_ns;                                // time spent inside turns
};

class Core {
 public:
  Core(CoreId id, const Clock& clock);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  CoreId id() const { return id_; }                     // any thread
  const CoreCounters& counters() const { return counters_; }  // any thread
  // The core whose turn this thread is running; null outside turns.
  static Core* current();
  bool is_current() const { return current() == this; }

  // --- from inside a turn of this core (asserted in debug builds) ---
  SteadyMs now_ms() const { return now_ms_; }    // read once per turn
  WallMs wall_ms() const { return wall_ms_; }
  TimerWheel& timers() { return timers_; }
  // Level-triggered. `exclusive`: EPOLLEXCLUSIVE, for listening sockets shared by cores.
  // watch() alone may also be called before start().
  void watch(int fd, std::uint32_t events, Watcher& watcher, bool exclusive = false);
  void rewatch(int fd, std::uint32_t events, Watcher& watcher);
  // After this no on_ready comes, not even one that was already fetched in this turn.
  void unwatch(int fd, Watcher& watcher);
  // Once per turn however often it is asked for. Entries added while the list runs are run too.
  void at_turn_end(TurnEnd& work);
  // kScratchSize bytes for reading and filtering; contents last until the next caller.
  MutableByteView scratch() { return {scratch_.get(), kScratchSize}; }
  MutableByteView scratch2() { return {scratch_.get() + kScratchSize, kScratchSize}; }
  static constexpr std::size_t kScratchSize = 256 * 1024;

  // --- from any thread ---
  // Runs `task` in a turn of this core, in order of posting per poster. Never blocks, never drops.
  // Inside a turn of another core the wake-up (or the borrowed turn) waits for that turn's end.
  void post(Task task);
  // Mail waiting, for back-pressure: who posts much asks first.
  std::size_t mail_waiting() const { return mail_waiting_.load(std::memory_order_relaxed); }

  // --- life, from the owner's thread ---
  void start();  // starts the thread
  void stop();   // finishes the running turn, then the thread; idempotent
  // Runs one turn on the calling thread without a thread of its own; for tests and shutdown.
  // wait_ms: as epoll_wait's timeout.
  void run_once(int wait_ms);

 private:
  friend class TurnEnd;
  class TurnScope;
  static constexpr std::size_t kBorrowedMailMax = 16;  // more mail than this wakes the thread

  void loop();
  void turn(const epoll_event* events, int count);
  bool run_mail();
  void run_turn_end();
  void notify_posted();
  void wake_or_borrow();
  void wake();
  int sleep_timeout_ms() const;

  const CoreId id_;
  const Clock& clock_;
  CoreCounters counters_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  SteadyMs now_ms_ = 0;
  WallMs wall_ms_ = 0;
  TimerWheel timers_;
  std::unique_ptr<std::uint8_t[]> scratch_;
  TurnEnd* turn_end_first_ = nullptr;
  TurnEnd* turn_end_last_ = nullptr;
  const epoll_event* ready_ = nullptr;  // the turn's events, so that unwatch can strike some out
  int ready_count_ = 0;
  std::vector<Core*> posted_to_;  // cores to notify at this turn's end

  std::mutex turn_lock_;  // held while a turn runs
  std::mutex mail_lock_;
  std::vector<Task> mail_;  // guarded by mail_lock_
  std::vector<Task> mail_running_;
  std::atomic<std::size_t> mail_waiting_{0};
  std::atomic<bool> asleep_{false};
  std::atomic<SteadyMs> sleeping_until_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace roost::core
