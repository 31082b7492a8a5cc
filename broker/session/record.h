// SPDX-License-Identifier: Apache-2.0
// What a shard's log holds: the inputs of ShardState, in the order in which they were committed.
// In memory for now; proto/record.proto becomes their form on disk.
// Thread: immutable.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "broker/mqtt/types.h"
#include "broker/routing/message.h"

namespace roost::session {

// A message for the durable sessions of the shard; who wants it is decided while applying.
struct PublishedRecord {
  routing::MessagePtr message;
};

// Kept for its topic; an empty payload clears. [MQTT-3.3.1-6]
struct RetainedRecord {
  routing::MessagePtr message;
};

// A durable session comes to be (or one is thrown away and begun anew: clean start).
struct SessionOpenedRecord {
  std::string client_id;
};

// It expired, or ended by its client's word.
struct SessionEndedRecord {
  std::string client_id;
};

struct SubscribedRecord {
  std::string client_id;
  std::string filter;  // as sent; never shared ones, whose groups have a shard of their own
  mqtt::SubscriptionOptions options;
  std::uint32_t subscription_id = 0;
};

struct UnsubscribedRecord {
  std::string client_id;
  std::string filter;
};

using Record = std::variant<PublishedRecord, RetainedRecord, SessionOpenedRecord,
                            SessionEndedRecord, SubscribedRecord, UnsubscribedRecord>;

}  // namespace roost::session
