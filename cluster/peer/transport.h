// SPDX-License-Identifier: Apache-2.0
// Wires over gRPC: the service that others dial, and dialling. The only source here with gRPC's
// headers. Each wire that is dialled has a connection of its own, so that what waits in the socket
// of one lane delays no other lane.
// Thread: any.
// Owner: the network; wires that are still there at stop() end by it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/base/result.h"
#include "cluster/peer/wire.h"

namespace roost::cluster {
struct PeerTls;
}

namespace roost::cluster::peer {

class Transport {
 public:
  // Told for each stream that somebody opened: gives who is told of its events, for as long as it
  // is there. May begin a read.
  using Accept = std::function<WireEvents&(Wire&)>;

  // Errors: those of reading the PEM files; unavailable: the address can't be bound.
  static Result<std::unique_ptr<Transport>> make(const std::string& bind, const PeerTls& tls,
                                                 Accept accept);
  virtual ~Transport() = default;  // Requires: stop(), and all wires are gone.

  virtual std::uint16_t port() const = 0;
  // The other side's certificate must name `name`.
  virtual Wire& dial(const std::string& address, const std::string& name, WireEvents& events) = 0;
  // Cancels what others opened, and accepts nothing any more. Blocks until that is done.
  virtual void stop() = 0;
};

}  // namespace roost::cluster::peer
