// SPDX-License-Identifier: Apache-2.0
// One message on its way to one session: which, how, and by which subscriptions.
// Thread: core-bound (a value).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "broker/mqtt/types.h"
#include "broker/routing/message.h"

namespace roost::session {

// The rare rest of an entry.
struct EntryExtra {
  std::vector<std::uint32_t> subscription_ids;  // all of them, where there are several
  std::string share;                            // "group/filter": came by a shared subscription
};

struct QueueEntry {
  routing::MessagePtr message;
  std::uint32_t subscription_id = 0;  // the only one; 0: none, or see extra
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;  // RETAIN flag to send
  std::unique_ptr<EntryExtra> extra;

  std::span<const std::uint32_t> subscription_ids() const {
    if (extra != nullptr && !extra->subscription_ids.empty()) return extra->subscription_ids;
    return {&subscription_id, subscription_id == 0 ? std::size_t{0} : std::size_t{1}};
  }
  QueueEntry clone() const {
    return {message, subscription_id, qos, retain,
            extra == nullptr ? nullptr : std::make_unique<EntryExtra>(*extra)};
  }
  bool is_shared() const { return extra != nullptr && !extra->share.empty(); }
};

}  // namespace roost::session
