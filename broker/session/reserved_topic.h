// SPDX-License-Identifier: Apache-2.0
// Topics that clients can't publish to, neither by PUBLISH nor by a will.
// Thread: any thread (pure).
#pragma once

#include <string_view>

namespace roost::session {

// $SYS is the broker's own word, but for what mosquitto's bridges say of themselves; nobody can
// subscribe to a topic below $share.
inline bool is_reserved(std::string_view topic) {
  if (topic.starts_with("$SYS/")) {
    return !topic.starts_with("$SYS/broker/connection/") || !topic.ends_with("/state");
  }
  return topic.starts_with("$share/");
}

}  // namespace roost::session
