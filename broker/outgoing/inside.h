// SPDX-License-Identifier: Apache-2.0
// What ways out need of the node: a client's connection into it, and whose turn it is. Declared by
// bridges and webhooks, implemented by the server.
// Thread: the ways' loop.
// Owner: the server.
#pragma once

#include <string>

#include "broker/base/result.h"

namespace roost::outgoing {

class Inside {
 public:
  // A connected stream socket whose other end is a client connection of this node that may do
  // everything; the caller owns it. Errors: unavailable (starting or stopping),
  // resource_exhausted.
  virtual Result<int> connect() = 0;
  // This node leads the shard of that client id, so that it, and no other one, is to act for it.
  // May be late: sessions are taken over, so who is late loses his connection.
  virtual bool leads(const std::string& client_id) const = 0;
  // Where the broker has no client but its own ways: ids beginning so are refused to others.
  static constexpr const char* kReserved = "$roost/";

 protected:
  ~Inside() = default;
};

}  // namespace roost::outgoing
