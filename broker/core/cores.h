// SPDX-License-Identifier: Apache-2.0
// All cores of a node and which shard belongs to which.
// Thread: immutable after construction.
#pragma once

#include <memory>
#include <vector>

#include "broker/core/core.h"

namespace roost::core {

class Cores {
 public:
  // The first core is the host of the others. Requires: 1 <= count <= 64.
  Cores(std::uint16_t count, const Clock& clock, const HostRules& rules = {});
  ~Cores();  // stops them all before the first one goes
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;

  std::uint16_t size() const { return static_cast<std::uint16_t>(cores_.size()); }
  Core& at(CoreId id) { return *cores_[id.value]; }
  Core& of(ShardId shard) { return *cores_[shard.value % cores_.size()]; }
  void start();
  void stop();

 private:
  std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace roost::core
