// SPDX-License-Identifier: Apache-2.0
// What sessions in memory said to share groups, and who waits until it is committed there.
// Thread: core-bound.
// Owner: SessionTable.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>

#include "broker/core/task.h"
#include "broker/routing/publication.h"

namespace roost::session {

class StepWaits final : public routing::PublicationWaiter {
 public:
  // The tag under which it is confirmed.
  std::uint64_t add(core::Task done) {
    waiting_.emplace(++last_, std::move(done));
    return last_;
  }
  void on_confirmed(std::uint64_t tag) override;

 private:
  std::unordered_map<std::uint64_t, core::Task> waiting_;
  std::uint64_t last_ = 0;
};

}  // namespace roost::session
