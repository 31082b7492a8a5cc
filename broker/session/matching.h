// SPDX-License-Identifier: Apache-2.0
// A session's share in one publish: all its matching filters together.
// Thread: core-bound (values).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "broker/mqtt/types.h"
#include "broker/routing/message.h"
#include "broker/routing/topic_tree.h"
#include "broker/session/queue_entry.h"

namespace roost::session {

struct Match {
  mqtt::Qos qos = mqtt::Qos::at_most_once;  // the highest granted
  bool retain_as_published = false;
  std::uint32_t subscription_id = 0;
  std::unique_ptr<EntryExtra> extra;
};

// Finds who of a tree wants a message; overlapping filters of one owner give one match. An Owner
// has origin(), match_serial and match_index. Reused from publish to publish.
template <typename Owner>
class Matcher {
 public:
  struct Target {
    Owner* owner = nullptr;
    Match match;
  };

  // Calls deliver(Owner&, Match&) for each; it may change the tree, and publish in turn.
  template <typename Deliver>
  void run(const routing::TopicTree& tree, const routing::Message& message, Deliver&& deliver) {
    ++serial_;
    const std::size_t first = targets_.size();
    tree.match(message.topic(),
               [&](const routing::Subscriber& subscriber) { collect(subscriber, message); });
    for (std::size_t i = first; i < targets_.size(); ++i) {
      Target target = std::move(targets_[i]);  // a publish in turn may move the row
      deliver(*target.owner, target.match);
    }
    targets_.resize(first);
  }

 private:
  void collect(const routing::Subscriber& subscriber, const routing::Message& message) {
    auto* owner = static_cast<Owner*>(subscriber.owner);
    const mqtt::SubscriptionOptions options = subscriber.options;
    if (options.no_local && message.origin() == owner->origin()) return;  // [MQTT-3.8.3-3]
    if (owner->match_serial != serial_) {
      owner->match_serial = serial_;
      owner->match_index = static_cast<std::uint32_t>(targets_.size());
      targets_.push_back(
          {owner, {options.qos, options.retain_as_published, subscriber.subscription_id, nullptr}});
      return;
    }
    // Overlapping: one copy, the highest QoS, all identifiers. [MQTT-3.3.4-2] [MQTT-3.3.4-4]
    Match& match = targets_[owner->match_index].match;
    match.qos = std::max(match.qos, options.qos);
    match.retain_as_published |= options.retain_as_published;
    if (subscriber.subscription_id == 0) return;
    if (match.subscription_id == 0 && match.extra == nullptr) {
      match.subscription_id = subscriber.subscription_id;
      return;
    }
    if (match.extra == nullptr) {
      match.extra = std::make_unique<EntryExtra>();
      match.extra->subscription_ids.push_back(match.subscription_id);
    }
    match.extra->subscription_ids.push_back(subscriber.subscription_id);
  }

  std::vector<Target> targets_;
  std::uint32_t serial_ = 0;
};

}  // namespace roost::session
