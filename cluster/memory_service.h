// SPDX-License-Identifier: Apache-2.0
// The inside of memory_coordinator.h: requests under way, watches, leases that run out.
// Thread: one at a time, inside Timeline's events.
// Owner: the MemoryCoordinator and its connections together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/coordinator.h"
#include "cluster/memory_keys.h"

namespace roost::cluster {

// Time, and what is to happen in it.
class Timeline {
 public:
  virtual std::int64_t now_us() const = 0;
  virtual void at(std::int64_t when_us, std::function<void()> run) = 0;

 protected:
  ~Timeline() = default;
};

// How long one request and its answer take; none: lost.
struct MemoryTrip {
  std::optional<std::int64_t> there_us;
  std::optional<std::int64_t> back_us;
};
enum class MemoryRequest { transact, list, lease, watch };
using MemoryTrips = std::function<MemoryTrip(std::string_view client, MemoryRequest request)>;

struct MemoryOptions {
  std::int64_t deadline_us = 2'000'000;   // of a call; then its outcome is unknown
  std::int64_t again_us = 200'000;        // between attempts where trying again is harmless
  std::int64_t expiry_step_us = 500'000;  // leases end up to so much late, as etcd's do
  std::int64_t lease_us_min = 1'000'000;  // a shorter one isn't granted
};

class MemoryService;

struct MemoryProcess {
  std::string client;
  bool is_gone = false;
  bool is_paused = false;
  std::vector<std::function<void()>> held;  // while it is paused

  void run(std::function<void()> what) {
    if (is_gone) {
      return;
    }
    if (is_paused) {
      held.push_back(std::move(what));
      return;
    }
    what();
  }
};

// A request on its way. Exactly one of the answers runs, in the process.
struct MemoryCall {
  // In the service; what it returns runs in the process.
  std::function<std::function<void()>(MemoryService&)> execute;
  std::function<void()> refused;   // the service is away
  std::function<void()> given_up;  // no answer in time
  MemoryRequest request = MemoryRequest::transact;
  bool may_try_again = false;
  bool is_settled = false;
  std::int64_t until_us = 0;
  std::shared_ptr<MemoryProcess> process;

  void settle(std::function<void()> answer) {
    if (!std::exchange(is_settled, true)) {
      process->run(std::move(answer));
    }
  }
};

class MemoryService : public std::enable_shared_from_this<MemoryService> {
 public:
  struct WatchState {
    std::string prefix;
    Watcher* watcher = nullptr;  // none: closed
    std::shared_ptr<MemoryProcess> process;
    MemoryKeys::Events pending;
    bool begins_anew = true;
    bool is_sending = false;

    bool is_over() const { return watcher == nullptr || process->is_gone; }
  };

  MemoryService(Timeline& time, MemoryTrips how, MemoryOptions with)
      : timeline(time), trips(std::move(how)), options(with) {}

  std::int64_t now_us() const { return timeline.now_us(); }

  void after(std::int64_t delay_us, std::function<void(MemoryService&)> run) {
    timeline.at(now_us() + delay_us,
                [self = shared_from_this(), run = std::move(run)] { run(*self); });
  }

  void send(const std::shared_ptr<MemoryCall>& call);
  void arrive(const std::shared_ptr<MemoryCall>& call, std::optional<std::int64_t> back_us);
  void try_again(const std::shared_ptr<MemoryCall>& call);

  // Tells the watches.
  void publish(const MemoryKeys::Events& events);
  void begin_watches_anew(bool only_those_behind);
  void pump(const std::shared_ptr<WatchState>& watch);

  void expire_in_time();

  Timeline& timeline;
  MemoryTrips trips;
  MemoryOptions options;
  MemoryKeys keys;
  bool is_away = false;
  std::vector<std::shared_ptr<WatchState>> watches;

 private:
  bool expiry_is_due_ = false;  // an event is under way
};

}  // namespace roost::cluster
