// SPDX-License-Identifier: Apache-2.0
#include "tests/etcd/await.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <utility>

#include "broker/base/check.h"

namespace roost::cluster {
namespace {

constexpr std::chrono::milliseconds kLook{20};

template <typename T>
T taken(std::future<T> future) {
  CHECK(future.wait_for(kPatience) == std::future_status::ready);
  return future.get();
}

}  // namespace

std::unique_ptr<Coordinator> connect(const EtcdOptions& options) {
  auto coordinator = make_etcd_coordinator(options);
  CHECK(coordinator.has_value());
  return std::move(*coordinator);
}

TxnResult transact(Coordinator& coordinator, Txn txn) {
  auto promise = std::make_shared<std::promise<TxnResult>>();
  auto future = promise->get_future();
  coordinator.transact(std::move(txn),
                       [promise](TxnResult result) { promise->set_value(std::move(result)); });
  return taken(std::move(future));
}

Result<Listing> list(Coordinator& coordinator, const std::string& prefix) {
  auto promise = std::make_shared<std::promise<Result<Listing>>>();
  auto future = promise->get_future();
  coordinator.list(prefix, [promise](Result<Listing> got) { promise->set_value(std::move(got)); });
  return taken(std::move(future));
}

Result<std::unique_ptr<Lease>> grant(Coordinator& coordinator, std::int64_t ttl_ms,
                                     std::function<void()> on_lost) {
  auto promise = std::make_shared<std::promise<Result<std::unique_ptr<Lease>>>>();
  auto future = promise->get_future();
  coordinator.grant(ttl_ms, std::move(on_lost), [promise](Result<std::unique_ptr<Lease>> got) {
    promise->set_value(std::move(got));
  });
  return taken(std::move(future));
}

Txn create(const std::string& key, const std::string& value, LeaseId lease) {
  return {{{key, Condition::On::created, 0}}, {PutKey{key, value, lease}}};
}

Txn replace(const std::string& key, const std::string& value, Revision modified) {
  return {{{key, Condition::On::modified, modified}}, {PutKey{key, value}}};
}

Txn erase(const std::string& key) { return {{}, {EraseKey{key}}}; }

void write(Coordinator& coordinator, const std::string& key, const std::string& value) {
  while (transact(coordinator, {{}, {PutKey{key, value}}}).outcome != TxnResult::Outcome::done) {
  }
}

bool Recorder::Told::has_seen(const std::string& key, const std::string& value) const {
  return std::any_of(events.begin(), events.end(), [&](const Event& event) {
    return event.now.key == key && event.now.value == value;
  });
}

std::string Recorder::Told::value_of(const std::string& key) const {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->now.key == key) return event->is_erased ? "" : event->now.value;
  }
  if (resets.empty()) return "";
  for (const KeyValue& pair : resets.back().keys) {
    if (pair.key == key) return pair.value;
  }
  return "";
}

void Recorder::on_reset(const Listing& all) {
  std::lock_guard lock(mutex_);
  told_.resets.push_back(all);
  told_.events.clear();
  told_.revisions.clear();
  changed_.notify_all();
}

void Recorder::on_change(const std::vector<Event>& events, Revision revision) {
  std::lock_guard lock(mutex_);
  told_.events.insert(told_.events.end(), events.begin(), events.end());
  told_.revisions.push_back(revision);
  changed_.notify_all();
}

bool Recorder::wait_for(const std::function<bool(const Told&)>& holds) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::unique_lock lock(mutex_);
  while (!holds(told_)) {
    if (std::chrono::steady_clock::now() > until) return false;
    changed_.wait_for(lock, kLook);
  }
  return true;
}

Recorder::Told Recorder::told() {
  std::lock_guard lock(mutex_);
  return told_;
}

}  // namespace roost::cluster
