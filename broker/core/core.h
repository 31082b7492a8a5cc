// SPDX-License-Identifier: Apache-2.0
// One core: a thread, an epoll set, a timer wheel, a mailbox. Everything core-bound belongs to one
// core and is touched only inside one of its turns. A turn: ready sockets -> mail -> timers ->
// turn-end work (flushes) -> for a while what can wait (Background). A turn belongs to whoever
// holds the turn lock: usually the core's own thread, or that of its host while there is little to
// do (hosting.cc); while a thread sleeps, a core that posts a little mail runs the turn itself:
// waking a thread costs more than a message. Thread: own thread; post() and the getters marked so
// from any thread.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/clock.h"
#include "broker/base/counter.h"
#include "broker/base/ids.h"
#include "broker/core/load.h"
#include "broker/core/task.h"
#include "broker/core/timer_wheel.h"
#include "broker/core/work_list.h"

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
class TurnEnd : public Listed<TurnEnd> {
 public:
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEnd() = default;  // leaves the list
};

// A piece of work that others should not have to wait for. Short: while it runs all do wait.
class Background : public Listed<Background> {
 public:
  virtual void on_background() = 0;

 protected:
  ~Background() = default;  // leaves the list
};

struct CoreCounters {
  Counter turns, wakeups, mails, borrowed_turns;  // borrowed: run by whoever posted the mail
  Counter hosted_turns;                           // begun by the host's thread
  Counter sent_off, called_home;                  // of a host: guests that left and came back
  Counter busy_ns;                                // time spent inside turns
  Counter longest_ns;                             // turn of the last whole second with any
  Counter background;                             // pieces of work that could wait, done
};

// When guests leave their host and come back. Loads are CPU time of a thread over time.
struct HostRules {
  bool hosts = true;            // false: every core is always served by its own thread
  int window_ms = 30;           // in which the host measures
  double send_off_load = 0.7;   // over this half of the guests leave
  double call_home_load = 0.4;  // host and guest together under this ...
  int quiet_windows = 7;        // ... for so many windows: the guest comes back
};

class Core final : private Watcher {
 public:
  Core(CoreId id, const Clock& clock, const HostRules& rules = {});
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  CoreId id() const { return id_; }                           // any thread
  const CoreCounters& counters() const { return counters_; }  // any thread
  // The core whose turn this thread is running; null outside turns.
  static Core* current();
  bool is_current() const { return current() == this; }

  // --- from inside a turn of this core (asserted in debug builds) ---
  SteadyMs now_ms() const { return now_ms_; }  // read once per turn
  WallMs wall_ms() const { return wall_ms_; }
  TimerWheel& timers() { return timers_; }
  // Level-triggered. `exclusive`: EPOLLEXCLUSIVE, for listening sockets that all cores watch; a
  // guest leaves them to its host.
  // watch() alone may also be called before start(). False: the kernel has no room for another
  // watch (fs.epoll.max_user_watches, memory); then there is nothing to unwatch.
  bool watch(int fd, std::uint32_t events, Watcher& watcher, bool exclusive = false);
  void rewatch(int fd, std::uint32_t events, Watcher& watcher);
  // After this no on_ready comes, not even one that was already fetched in this turn.
  void unwatch(int fd, Watcher& watcher);
  // Once per turn however often it is asked for. Entries added while the list runs are run too.
  void at_turn_end(TurnEnd& work) {
    if (!work.is_listed()) add_turn_end(work);
  }
  // Once, when the rest of a turn is done and it is younger than kBackgroundNs: a longer one does
  // one piece, and what is left waits for later turns, which begin without sleeping. `first`:
  // before all that is not, but for every kFirstInARow-th piece, so that nothing waits for ever.
  // Ignored where it waits already.
  void in_background(Background& work, bool first = false);
  std::size_t background_waiting() const { return urgent_.size() + patient_.size(); }
  static constexpr std::int64_t kBackgroundNs = 2'000'000;
  static constexpr int kFirstInARow = 8;
  // kScratchSize bytes for reading and filtering; contents last until the next caller.
  MutableByteView scratch() { return {scratch_.get(), kScratchSize}; }
  MutableByteView scratch2() { return {scratch_.get() + kScratchSize, kScratchSize}; }
  static constexpr std::size_t kScratchSize = 256 * 1024;
  // Buffers that may grow, for filters. Whoever takes one empties it first; what a spare holds
  // lasts until the turn calls somebody else who takes it. Shrunk again between turns.
  std::vector<std::uint8_t>& spare(std::size_t index) { return spares_[index]; }
  static constexpr std::size_t kSpares = 6;

  // --- from any thread ---
  // Runs `task` in a turn of this core, in order of posting per poster. Never blocks, never drops.
  // Inside a turn of another core it leaves in one batch with that turn's other posts at its end.
  void post(Task task);
  // The same from a thread that is no core's: where this core sleeps, its turn is run here, and
  // those of sleeping cores that it posts to. For little work whose sender has nothing to do that
  // is more urgent.
  void post_and_run(Task task);
  // Mail waiting, for back-pressure: who posts much asks first.
  std::size_t mail_waiting() const { return mail_waiting_.load(std::memory_order_relaxed); }

  // --- life, from the owner's thread ---
  // From start() on the thread of `host` serves this core too while there is little to do.
  // Requires: neither has been started; the host is started after its guests, stopped before them.
  void be_guest_of(Core& host);
  void start();  // starts the thread
  void stop();   // finishes the running turn, then the thread; idempotent
  // Runs one turn on the calling thread without a thread of its own; for tests and shutdown.
  // wait_ms: as epoll_wait's timeout.
  void run_once(int wait_ms);

 private:
  class TurnScope;
  struct Outbox {
    Core* target;
    std::vector<Task> tasks;
  };
  struct Exclusive {
    int fd;
    std::uint32_t events;
    Watcher* watcher;
    bool watched;
  };
  static constexpr int kEventsMax = 256;               // sockets served in one turn
  static constexpr std::size_t kOutboxMax = 256;       // more than this doesn't wait for turn end
  static constexpr std::size_t kBorrowedMailMax = 16;  // more mail than this wakes the thread
  static constexpr int kBorrowedRoundsMax = 2;         // in a row, for mail that came meanwhile
  static constexpr int kBorrowedTurnsMax = 8;          // after one turn of the borrower's own
  static constexpr std::int64_t kBorrowedAfterNs = 50'000;  // longer turns: there is work for two
  static constexpr std::size_t kMailCapacityKept = 16 * 1024;
  static constexpr std::size_t kSpareCapacityKept = 1024 * 1024;

  void loop();
  void wait_and_turn(int wait_ms);
  int timeout_ms(int wait_ms) const;
  enum class Part : std::uint8_t { all, no_background };
  void turn(epoll_event* events, int count, Part part);
  void note_turn(std::int64_t ns);
  void run_ready(epoll_event* events, int count);
  void run_mail();
  void run_turn_end();
  void run_background(std::int64_t turn_begin_ns);
  Background& next_background();
  SteadyMs due_ms() const;
  bool add_watch(int fd, std::uint32_t events, Watcher& watcher);
  void add_turn_end(TurnEnd& work);
  void prepare_sleep();

  void add_mail(Task task);
  void put_mail(std::vector<Task>& tasks);
  void put_in_outbox(Core& target, Task task);
  void empty_outboxes(std::vector<Core*>& posted_to);
  void notify_posted();
  bool claim_sleeper();
  bool run_borrowed(std::vector<Core*>& posted_to);
  void run_here(std::vector<Core*>& posted_to);
  void alert();
  void wake() const;

  // hosting.cc: of a guest
  bool is_on_its_own() const { return served_by_.load(std::memory_order_acquire) == this; }
  bool is_served_here() const;
  void be_thread();
  void on_ready(std::uint32_t events) override;
  void turn_as_guest();
  void park();
  void go_home();
  void set_exclusives(bool watched);
  // hosting.cc: of a host
  void take_in_who_came();
  void take_in(Core& guest);
  void is_due(Core& guest);
  void serve_guests(SteadyMs now_ms);
  void balance();
  void send_off(std::size_t count);
  void call_home(double own_load, std::int64_t now_ns);

  const CoreId id_;
  const Clock& clock_;
  const HostRules rules_;
  CoreCounters counters_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;

  // Guarded by turn_lock_ (a turn holds it).
  SteadyMs now_ms_ = 0;
  WallMs wall_ms_ = 0;
  std::int64_t turn_ns_ = 0;     // length of the last turn
  std::int64_t longest_ns_ = 0;  // since second_ms_
  SteadyMs second_ms_ = 0;
  TimerWheel timers_;
  std::unique_ptr<std::uint8_t[]> scratch_;
  std::array<std::vector<std::uint8_t>, kSpares> spares_;
  WorkList<TurnEnd> turn_end_;
  WorkList<Background> urgent_, patient_;
  int urgent_in_a_row_ = 0;
  epoll_event* ready_ = nullptr;  // the turn's events still to come: unwatch strikes out of them
  int ready_count_ = 0;
  std::uint64_t unwatches_ = 0;
  std::vector<Task> mail_running_;
  std::vector<Outbox> outboxes_;  // one a core that was ever posted to
  std::vector<Core*> posted_to_;
  std::vector<Exclusive> exclusives_;
  SteadyMs sleeping_until_ = 0;  // what whoever serves this core waits for, or will in a moment

  // Of the thread that serves this core.
  std::uint64_t unwatches_seen_ = 0;
  bool is_due_ = false;        // stands in the host's due_
  std::vector<Core*> guests_;  // served by this core's thread
  std::vector<Core*> due_;     // guests to be served before the next wait
  std::vector<Core*> being_served_;
  std::vector<Core*> away_;  // guests that run on their own threads just now
  LoadMeter load_;           // of this core's thread
  int quiet_windows_ = 0;

  Core* host_ = nullptr;                  // fixed by start(); null: always on its own thread
  std::atomic<Core*> served_by_{this};    // whose thread runs the turns: its own or the host's
  std::atomic<bool> called_home_{false};  // the host wants it back
  std::atomic<bool> somebody_came_{false};
  std::vector<Core*> came_home_;  // guarded by park_lock_
  std::mutex park_lock_;          // served_by_ and stopping_ change under it
  std::condition_variable unparked_;

  std::mutex turn_lock_;  // held while a turn runs
  std::mutex mail_lock_;
  std::vector<Task> mail_;  // guarded by mail_lock_
  std::atomic<std::size_t> mail_waiting_{0};
  // True: the thread waits, and who posts must claim it (set it false) and then run or wake it.
  // False: somebody is responsible and looks at the mail before it becomes true again.
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace roost::core
