// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/registration.h"

#include <utility>

namespace roost::simulation {

using cluster::kNoLease;
using cluster::Lease;
using cluster::TxnResult;

void Registration::on_own_key(const std::string& value, cluster::Revision modified) {
  shown_ = value;
  modified_ = modified;
  was_shown_ = true;
}

void Registration::set_able(bool is_able) {
  is_able_ = is_able;
  if (!is_able && lease_ && !std::exchange(is_let_go_, true)) {
    lease_->let_run_out();
  }
}

void Registration::tick(cluster::Coordinator& coordinator) {
  if (!was_shown_ || !is_able_) {
    return;
  }
  if (!lease_) {
    ask_for_lease(coordinator);
  } else if (!is_let_go_ && (put_with_ != lease_->id() || shown_ != encode(self_))) {
    put(coordinator);
  }
}

void Registration::ask_for_lease(cluster::Coordinator& coordinator) {
  if (std::exchange(is_asking_, true)) {
    return;
  }
  const auto lost = [this] {
    lease_.reset();
    put_with_ = kNoLease;
    on_lease_(kNoLease);
  };
  coordinator.grant(kLeaseMs, lost, [this](Result<std::unique_ptr<Lease>> granted) {
    is_asking_ = false;
    if (granted) {
      lease_ = std::move(granted).value();
      is_let_go_ = false;
    }
  });
}

void Registration::put(cluster::Coordinator& coordinator) {
  if (std::exchange(is_putting_, true)) {
    return;
  }
  cluster::Txn txn;
  txn.conditions.push_back({key_, cluster::Condition::On::modified, modified_});
  txn.changes.emplace_back(cluster::PutKey{key_, encode(self_), lease_->id()});
  coordinator.transact(std::move(txn), [this, with = lease_->id()](const TxnResult& result) {
    is_putting_ = false;
    if (result.outcome == TxnResult::Outcome::done && lease_ && lease_->id() == with) {
      put_with_ = with;
      shown_ = encode(self_);
      modified_ = result.revision;
      on_lease_(with);
    }
  });
}

}  // namespace roost::simulation
