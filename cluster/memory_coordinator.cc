// SPDX-License-Identifier: Apache-2.0
#include "cluster/memory_coordinator.h"

#include <algorithm>
#include <utility>

namespace roost::cluster {

MemoryCoordinator::MemoryCoordinator(Timeline& timeline, MemoryTrips trips, MemoryOptions options)
    : service_(std::make_shared<MemoryService>(timeline, std::move(trips), options)) {}

MemoryCoordinator::~MemoryCoordinator() = default;

std::unique_ptr<MemoryConnection> MemoryCoordinator::connect(std::string client) {
  return std::unique_ptr<MemoryConnection>(new MemoryConnection(service_, std::move(client)));
}

void MemoryCoordinator::set_away(bool is_away) {
  if (service_->is_away && !is_away) {
    service_->keys.renew_all(service_->now_us());
  }
  service_->is_away = is_away;
}

bool MemoryCoordinator::is_away() const { return service_->is_away; }

const MemoryKeys& MemoryCoordinator::keys() const { return service_->keys; }

void MemoryCoordinator::restore(const MemoryKeys& backup) {
  MemoryKeys restored = backup;
  restored.skip_leases_of(service_->keys);
  restored.renew_all(service_->now_us());
  service_->keys = std::move(restored);
  service_->begin_watches_anew(false);
  service_->expire_in_time();
}

void MemoryCoordinator::compact() { service_->begin_watches_anew(true); }

// Kept alive three times in its life, until it is lost or let go.
class MemoryConnection::HeldLease final : public Lease {
 public:
  struct State {
    LeaseId id = kNoLease;
    std::int64_t ttl_us = 0;
    std::int64_t confirmed_us = 0;  // when what was answered last was sent
    bool is_kept = true;
    bool is_over = false;
    std::function<void()> on_lost;
    std::shared_ptr<MemoryProcess> process;
  };

  HeldLease(std::shared_ptr<MemoryService> service, std::shared_ptr<State> state)
      : service_(std::move(service)), state_(std::move(state)) {
    // Not in here: it may be over already, and is lost only after it was granted.
    service_->after(0, [held = state_](MemoryService& now) {
      held->process->run([held, again = now.shared_from_this()] { tick(*again, held); });
    });
  }

  ~HeldLease() override {
    if (std::exchange(state_->is_over, true) || state_->process->is_gone) {
      return;
    }
    if (const auto trip = service_->trips(state_->process->client, MemoryRequest::lease);
        trip.there_us) {
      service_->after(*trip.there_us, [id = state_->id](MemoryService& service) {
        if (!service.is_away) {
          MemoryKeys::Events events;
          service.keys.revoke(id, events);
          service.publish(events);
        }
      });
    }
  }

  LeaseId id() const override { return state_->id; }
  void let_run_out() override { state_->is_kept = false; }

 private:
  static void tick(MemoryService& service, const std::shared_ptr<State>& state) {
    if (state->is_over) {
      return;
    }
    const std::int64_t left_us = state->confirmed_us + state->ttl_us - service.now_us();
    if (left_us <= 0) {
      lose(*state);
      return;
    }
    if (state->is_kept) {
      renew(service, state);
    }
    service.after(std::min(left_us, state->ttl_us / 3), [state](MemoryService& later) {
      state->process->run([state, again = later.shared_from_this()] { tick(*again, state); });
    });
  }

  static void renew(MemoryService& service, const std::shared_ptr<State>& state) {
    const auto trip = service.trips(state->process->client, MemoryRequest::lease);
    if (!trip.there_us) {
      return;
    }
    service.after(*trip.there_us, [state, sent_us = service.now_us(),
                                   back_us = trip.back_us](MemoryService& there) {
      if (there.is_away) {
        return;
      }
      const bool is_there = there.keys.renew(state->id, there.now_us());
      if (back_us) {
        there.after(*back_us, [state, sent_us, is_there](MemoryService&) {
          state->process->run([=] { renewed(*state, sent_us, is_there); });
        });
      }
    });
  }

  static void renewed(State& state, std::int64_t sent_us, bool is_there) {
    if (state.is_over) {
      return;
    }
    if (!is_there) {
      lose(state);
      return;
    }
    state.confirmed_us = std::max(state.confirmed_us, sent_us);
  }

  static void lose(State& state) {
    state.is_over = true;
    if (state.on_lost) {
      state.on_lost();
    }
  }

  std::shared_ptr<MemoryService> service_;
  std::shared_ptr<State> state_;
};

class MemoryConnection::OpenWatch final : public Watch {
 public:
  explicit OpenWatch(std::shared_ptr<MemoryService::WatchState> state) : state_(std::move(state)) {}
  ~OpenWatch() override { state_->watcher = nullptr; }

 private:
  std::shared_ptr<MemoryService::WatchState> state_;
};

MemoryConnection::MemoryConnection(std::shared_ptr<MemoryService> service, std::string client)
    : service_(std::move(service)), process_(std::make_shared<MemoryProcess>()) {
  process_->client = std::move(client);
}

MemoryConnection::~MemoryConnection() {
  process_->is_gone = true;
  process_->held.clear();
}

void MemoryConnection::send(const std::shared_ptr<MemoryCall>& call) {
  call->process = process_;
  call->until_us = service_->now_us() + service_->options.deadline_us;
  service_->after(service_->options.deadline_us,
                  [call](MemoryService&) { call->settle(call->given_up); });
  service_->send(call);
}

void MemoryConnection::transact(Txn txn, TxnDone done) {
  auto call = std::make_shared<MemoryCall>();
  call->execute = [txn = std::move(txn), done](MemoryService& service) {
    MemoryKeys::Events events;
    TxnResult result = service.keys.transact(txn, events);
    service.publish(events);
    return [done, result = std::move(result)] { done(result); };
  };
  call->refused = [done] { done({TxnResult::Outcome::failed, 0, "no quorum"}); };
  call->given_up = [done] { done({TxnResult::Outcome::unknown, 0, "no answer"}); };
  send(call);
}

void MemoryConnection::list(std::string prefix, ListDone done) {
  auto call = std::make_shared<MemoryCall>();
  call->execute = [prefix = std::move(prefix), done](MemoryService& service) {
    return [done, all = service.keys.list(prefix)] { done(all); };
  };
  call->given_up = [done] { done(error(ErrorKind::unavailable, "no answer")); };
  call->request = MemoryRequest::list;
  call->may_try_again = true;
  send(call);
}

void MemoryConnection::grant(std::int64_t ttl_ms, std::function<void()> on_lost, LeaseDone done) {
  const std::int64_t ttl_us = ttl_ms * 1000;
  if (ttl_us < service_->options.lease_us_min) {
    service_->after(0, [process = process_, done](MemoryService&) {
      process->run([done] { done(error(ErrorKind::invalid_argument, "the lease is too short")); });
    });
    return;
  }
  auto state = std::make_shared<HeldLease::State>();
  state->ttl_us = ttl_us;
  state->confirmed_us = service_->now_us();
  state->on_lost = std::move(on_lost);
  state->process = process_;
  auto call = std::make_shared<MemoryCall>();
  call->request = MemoryRequest::lease;
  call->execute = [state, done](MemoryService& service) {
    const LeaseId id = service.keys.grant(state->ttl_us, service.now_us());
    service.expire_in_time();
    return [state, done, id, held_by = service.shared_from_this()] {
      state->id = id;
      done(Result<std::unique_ptr<Lease>>(std::make_unique<HeldLease>(held_by, state)));
    };
  };
  call->refused = [done] { done(error(ErrorKind::unavailable, "no quorum")); };
  call->given_up = [done] { done(error(ErrorKind::unavailable, "no answer")); };
  send(call);
}

std::unique_ptr<Watch> MemoryConnection::watch(std::string prefix, Watcher& watcher) {
  auto state = std::make_shared<MemoryService::WatchState>();
  state->prefix = std::move(prefix);
  state->watcher = &watcher;
  state->process = process_;
  service_->watches.push_back(state);
  service_->pump(state);
  return std::make_unique<OpenWatch>(std::move(state));
}

void MemoryConnection::pause() { process_->is_paused = true; }

void MemoryConnection::go_on() {
  const auto process = process_;  // what is told may end this connection
  process->is_paused = false;
  for (const auto& what : std::exchange(process->held, {})) {
    process->run(what);
  }
}

}  // namespace roost::cluster
