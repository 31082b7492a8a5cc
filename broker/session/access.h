// SPDX-License-Identifier: Apache-2.0
// What a client may do with which topics. Declared by the session, which asks; implemented above
// it. A session without one may do everything.
// Thread: core-bound.
#pragma once

#include <string_view>

#include "broker/core/timer_wheel.h"

namespace roost::session {

class Access {
 public:
  virtual bool may_publish(std::string_view topic, bool retain) = 0;
  // A whole filter, without "$share/group/".
  virtual bool may_subscribe(std::string_view filter) = 0;
  // Of what was subscribed to.
  virtual bool may_receive(std::string_view topic) = 0;
  // When it ends and the client is sent off; 0: never.
  virtual SteadyMs ends_at_ms() const = 0;

 protected:
  ~Access() = default;
};

}  // namespace roost::session
