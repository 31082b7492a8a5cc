// SPDX-License-Identifier: Apache-2.0
// Topics that clients can't publish to, neither by PUBLISH nor by a will; and names that begin like
// the broker's own.
// Thread: any thread (pure).
#pragma once

#include <string_view>

namespace roost::session {

// The broker's own: topics of what it tells its webhooks, client ids of bridges and webhooks.
inline constexpr std::string_view kOwnPrefix = "$roost/";

// $SYS is the broker's own word, but for
// what mosquitto's bridges say of themselves; nobody can subscribe to a topic below $share.
inline bool is_reserved(std::string_view topic) {
  if (topic.starts_with("$SYS/")) {
    return !topic.starts_with("$SYS/broker/connection/") || !topic.ends_with("/state");
  }
  return topic.starts_with("$share/") || topic.starts_with(kOwnPrefix);
}

}  // namespace roost::session
