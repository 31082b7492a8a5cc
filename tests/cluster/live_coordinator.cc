// SPDX-License-Identifier: Apache-2.0
#include "tests/cluster/live_coordinator.h"

#include <chrono>
#include <future>
#include <optional>
#include <utility>

namespace roost::cluster {

LiveCoordinator::LiveCoordinator()
    : inner_(timeline(),
             [this](std::string_view client, MemoryRequest) { return trip(std::string(client)); }),
      thread_([this] { run(); }) {}

LiveCoordinator::~LiveCoordinator() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
  due_.clear();
}

std::int64_t LiveCoordinator::now_us() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

void LiveCoordinator::at(std::int64_t when_us, std::function<void()> what) {
  const std::lock_guard lock(mutex_);
  due_.emplace(when_us, std::move(what));
  changed_.notify_all();
}

void LiveCoordinator::run() {
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    if (due_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const std::int64_t left_us = due_.begin()->first - now_us();
    if (left_us > 0) {
      changed_.wait_for(lock, std::chrono::microseconds(left_us));
      continue;
    }
    auto what = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    lock.unlock();
    what();
    what = nullptr;
    lock.lock();
  }
}

void LiveCoordinator::do_now(const std::function<void()>& what) {
  if (std::this_thread::get_id() == thread_.get_id()) return what();
  std::promise<void> done;
  post([&] {
    what();
    done.set_value();
  });
  done.get_future().wait();
}

MemoryTrip LiveCoordinator::trip(const std::string& client) {
  if (cut_.count(client) > 0) return {};
  return {200, 200};
}

void LiveCoordinator::set_away(bool is_away) {
  do_now([&] { inner_.set_away(is_away); });
}

void LiveCoordinator::set_cut(const std::string& client, bool is_cut) {
  do_now([&] {
    if (is_cut) {
      cut_.insert(client);
    } else {
      cut_.erase(client);
    }
  });
}

std::string LiveCoordinator::value(const std::string& key) {
  std::string found;
  do_now([&] {
    for (const KeyValue& kv : inner_.keys().list(key).keys) {
      if (kv.key == key) found = kv.value;
    }
  });
  return found;
}

void LiveCoordinator::put(const std::string& key, const std::string& value) {
  std::promise<void> done;
  const auto connection = connect("operator");
  Txn txn;
  txn.changes.emplace_back(PutKey{key, value, kNoLease});
  connection->transact(std::move(txn), [&](const TxnResult&) { done.set_value(); });
  done.get_future().wait();
}

void LiveCoordinator::erase(const std::string& key) {
  std::promise<void> done;
  const auto connection = connect("operator");
  Txn txn;
  txn.changes.emplace_back(EraseKey{key});
  connection->transact(std::move(txn), [&](const TxnResult&) { done.set_value(); });
  done.get_future().wait();
}

MemoryKeys LiveCoordinator::backup() {
  std::optional<MemoryKeys> keys;
  do_now([&] { keys = inner_.keys(); });
  return std::move(*keys);
}

void LiveCoordinator::restore(const MemoryKeys& backup) {
  do_now([&] { inner_.restore(backup); });
}

std::unique_ptr<LiveCoordinator::Connection> LiveCoordinator::connect(const std::string& client) {
  auto state = std::make_shared<Connection::State>();
  do_now([&] { state->inner = inner_.connect(client); });
  return std::unique_ptr<Connection>(new Connection(*this, std::move(state)));
}

LiveCoordinator::Connection::~Connection() { die(); }

void LiveCoordinator::Connection::die() {
  owner_.do_now([this] { state_->inner.reset(); });
}

void LiveCoordinator::Connection::post(std::function<void(MemoryConnection&)> what) {
  owner_.post([state = state_, what = std::move(what)] {
    if (state->inner) what(*state->inner);
  });
}

void LiveCoordinator::Connection::transact(Txn txn, TxnDone done) {
  post([txn = std::move(txn), done = std::move(done)](MemoryConnection& inner) {
    inner.transact(txn, done);
  });
}

void LiveCoordinator::Connection::list(std::string prefix, ListDone done) {
  post([prefix = std::move(prefix), done = std::move(done)](MemoryConnection& inner) {
    inner.list(prefix, done);
  });
}

class LiveCoordinator::Connection::HeldLease final : public Lease {
 public:
  HeldLease(LiveCoordinator& owner, std::unique_ptr<Lease> inner)
      : owner_(owner), id_(inner->id()), inner_(std::make_shared<Inner>(std::move(inner))) {}
  ~HeldLease() override {
    owner_.post([inner = inner_] { inner->lease.reset(); });
  }
  LeaseId id() const override { return id_; }
  void let_run_out() override {
    owner_.post([inner = inner_] {
      if (inner->lease) inner->lease->let_run_out();
    });
  }

 private:
  struct Inner {
    explicit Inner(std::unique_ptr<Lease> one) : lease(std::move(one)) {}
    std::unique_ptr<Lease> lease;
  };
  LiveCoordinator& owner_;
  const LeaseId id_;
  const std::shared_ptr<Inner> inner_;
};

void LiveCoordinator::Connection::grant(std::int64_t ttl_ms, std::function<void()> on_lost,
                                        LeaseDone done) {
  post([ttl_ms, on_lost = std::move(on_lost), done = std::move(done),
        &owner = owner_](MemoryConnection& inner) {
    inner.grant(ttl_ms, on_lost, [done, &owner](Result<std::unique_ptr<Lease>> granted) {
      if (!granted) return done(std::move(granted));
      done(Result<std::unique_ptr<Lease>>(
          std::make_unique<HeldLease>(owner, std::move(granted).value())));
    });
  });
}

class LiveCoordinator::Connection::OpenWatch final : public Watch {
 public:
  OpenWatch(LiveCoordinator& owner, std::unique_ptr<Watch> inner)
      : owner_(owner), inner_(std::move(inner)) {}
  ~OpenWatch() override {
    owner_.do_now([this] { inner_.reset(); });
  }

 private:
  LiveCoordinator& owner_;
  std::unique_ptr<Watch> inner_;
};

std::unique_ptr<Watch> LiveCoordinator::Connection::watch(std::string prefix, Watcher& watcher) {
  std::unique_ptr<Watch> inner;
  owner_.do_now([&] {
    if (state_->inner) inner = state_->inner->watch(std::move(prefix), watcher);
  });
  return std::make_unique<OpenWatch>(owner_, std::move(inner));
}

}  // namespace roost::cluster
