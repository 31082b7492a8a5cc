// SPDX-License-Identifier: Apache-2.0
// Publishes again what waits in a session's queue, under its own topics or behind a prefix; the
// queue stays as it is. A piece at a time, so that whoever asks can go on, or stop.
// Thread: threads that may wait.
// Owner: AdminApi.
#pragma once

#include "broker/server/fleet.h"
#include "broker/server/publisher.h"
#include "broker/server/web_message.h"
#include "broker/session/queue_view.h"

namespace roost::server {

struct Node;

class Replay {
 public:
  static constexpr std::size_t kMessagesAPiece = 200;
  static constexpr std::uint32_t kPieceMs = 4'000;       // less than a node that asks waits
  static constexpr std::uint32_t kAcknowledgedMs = 500;  // of it, at least, for acknowledgements

  // Adds "queue.replay" {client_id, from, to, prefix} -> {replayed, refused, end, next, stopped}.
  // `refused`: by the broker, for good. `end`: of the queue when it was read; who goes on without a
  // bound would publish what came of his own. `next`: the sequence to go on at, none: that was all.
  // `stopped`: why the message at `next` wasn't published, or isn't known to be; one behind it may
  // have been. Errors: unavailable: the queue couldn't be read in time. All must outlive it.
  Replay(Node& node, Fleet& fleet, Publisher& publisher);

 private:
  Fleet::Told piece(const Fleet::Object& parameters);
  PublishOutcomes published(std::vector<WebMessage> messages, std::uint32_t timeout_ms);

  Node& node_;
  Publisher& publisher_;
};

// As it was published, without RETAIN; what is left of its Message Expiry Interval.
WebMessage web_message_of(const routing::Message& message, mqtt::Qos qos, const std::string& prefix,
                          SteadyMs now_ms);

}  // namespace roost::server
