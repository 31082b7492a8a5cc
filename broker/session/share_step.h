// SPDX-License-Identifier: Apache-2.0
// What the shards of a cluster say to each other about a share group. A step travels and is stored
// as a message, the one that it is about or an empty one, whose forwarded properties begin with the
// step (Message::is_step()): so it is kept, sent again, dropped as a repeat and written to disk as
// any other message, and its payload is the message's own. README.md, "Share groups in a cluster".
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/base/clock.h"
#include "broker/routing/message.h"
#include "broker/session/record.h"

namespace roost::session {

struct ShareStep {
  enum class What : std::uint8_t {
    nothing,   // it was settled otherwise
    joined,    // a member is there, or has changed
    left,      // ... or not any more
    gone,      // all members in memory of a process that is over
    assigned,  // the message is for this member
    returned,  // ... who won't finish it: for another one
    // Within a shard: of the queue of an ended session, and then returned.
    given_back,
  };
  What what = What::nothing;
  std::string share;      // "group/filter"
  std::string client_id;  // of the member
  Generation generation;  // joined, left: of its connection; what is older changes nothing
  // The process (routing::Peers::own_life) whose memory its session is in; 0: it lives in its
  // shard.
  std::uint64_t life = 0;
  std::uint64_t sequence = 0;               // given_back: its place in that queue
  bool connected = false;                   // joined
  bool retain = false;                      // of the message
  mqtt::Qos qos = mqtt::Qos::at_most_once;  // joined: granted
  friend bool operator==(const ShareStep&, const ShareStep&) = default;
};

// `about` may be null: then it is a message at QoS 1 of `received_ms`.
routing::MessagePtr step_message(const ShareStep& step, const routing::MessagePtr& about,
                                 SteadyMs received_ms);
// None: it is no step of this version. Requires: message.is_step().
std::optional<ShareStep> read_step(const routing::Message& message);
// Only that of it. Requires: message.is_step().
bool is_joined(const routing::Message& message);
// The message that a step is about. Requires: read_step() gave `step`.
routing::MessagePtr about_of(const ShareStep& step, const routing::MessagePtr& message);

}  // namespace roost::session
