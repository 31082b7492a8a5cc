// SPDX-License-Identifier: Apache-2.0
#include "cluster/shared_secret.h"

#include <utility>

namespace roost::cluster {

namespace {
constexpr int kTriesMax = 10;  // in a row; then the next word of the watch begins anew
}

class SharedSecret::State final : public Watcher, public std::enable_shared_from_this<State> {
 public:
  State(Coordinator& coordinator, std::string key, Make make, Told told)
      : coordinator_(coordinator),
        key_(std::move(key)),
        make_(std::move(make)),
        told_(std::move(told)) {}
  const std::string& key() const { return key_; }

 private:
  void on_reset(const Listing& all) override {
    for (const KeyValue& each : all.keys) {
      if (each.key == key_) return told_(each.value);
    }
    create(kTriesMax);
  }

  void on_change(const std::vector<Event>& events, Revision) override {
    for (const Event& event : events) {
      if (event.now.key != key_) continue;
      event.is_erased ? create(kTriesMax) : told_(event.now.value);
    }
  }

  // The watch says what has come of it; another node may have been faster.
  void create(int tries) {
    Txn txn;
    txn.conditions.push_back({key_, Condition::On::created, 0});
    txn.changes.emplace_back(PutKey{key_, make_()});
    coordinator_.transact(std::move(txn),
                          [weak = weak_from_this(), tries](const TxnResult& result) {
                            const bool is_open = result.outcome == TxnResult::Outcome::failed ||
                                                 result.outcome == TxnResult::Outcome::unknown;
                            const auto self = weak.lock();
                            if (self != nullptr && is_open && tries > 1) self->create(tries - 1);
                          });
  }

  Coordinator& coordinator_;
  const std::string key_;
  const Make make_;
  const Told told_;
};

SharedSecret::SharedSecret(Coordinator& coordinator, std::string key, Make make, Told told)
    : state_(
          std::make_shared<State>(coordinator, std::move(key), std::move(make), std::move(told))),
      watch_(coordinator.watch(state_->key(), *state_)) {}

SharedSecret::~SharedSecret() = default;

}  // namespace roost::cluster
