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
  static constexpr std::uint32_t kPieceMs = 3'500;  // for the acknowledgements of a piece

  // Adds "queue.replay" {client_id, from, to, prefix} -> {replayed, refused, next}; `next`: the
  // sequence to go on at, none: that was all. All must outlive it.
  Replay(Node& node, Fleet& fleet, Publisher& publisher);

 private:
  Fleet::Told piece(const Fleet::Object& parameters);

  Node& node_;
  Publisher& publisher_;
};

// As it was published, without RETAIN; what is left of its Message Expiry Interval.
WebMessage web_message_of(const routing::Message& message, mqtt::Qos qos, const std::string& prefix,
                          SteadyMs now_ms);

}  // namespace roost::server
