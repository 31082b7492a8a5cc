// SPDX-License-Identifier: Apache-2.0
// Bytes that all nodes of a cluster share and nobody has to hand out: whoever comes first makes
// them. An operator who erases the key makes the nodes take new ones.
// Thread: any thread; `told` is called on the coordinator's.
// Owner: its user; goes before the coordinator.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cluster/coordinator.h"

namespace roost::cluster {

class SharedSecret {
 public:
  using Make = std::function<std::string()>;
  using Told = std::function<void(const std::string& secret)>;

  // `make`: new bytes, in case there are none yet. `told`: as soon as the coordinator has answered,
  // and whenever they change.
  SharedSecret(Coordinator& coordinator, std::string key, Make make, Told told);
  ~SharedSecret();

 private:
  class State;
  const std::shared_ptr<State> state_;
  const std::unique_ptr<Watch> watch_;
};

}  // namespace roost::cluster
