// SPDX-License-Identifier: Apache-2.0
// Frames of a client that is let in, decoded and given to its session: the same for a connection
// of this node and for one that is relayed here.
// Thread: core-bound.
#pragma once

#include "broker/base/shared.h"
#include "broker/mqtt/frame.h"
#include "broker/mqtt/limits.h"
#include "broker/mqtt/packet.h"
#include "broker/session/session.h"

namespace roost::gates {

// Of a core: one packet at a time is decoded, so a PUBLISH costs no allocation before its Message.
struct PacketScratch {
  mqtt::Publish publish;
  mqtt::Ack ack;
};

// Whoever holds the frame's bytes; asked for large payloads only. Null: they must be copied.
struct FrameOwner {
  void* who;
  SharedPtr<const SharedBlock> (*share)(void* who);
};

// Requires: session.is_connected(), not is_opening(). The session may be over afterwards.
void handle_frame(session::Session& session, const mqtt::Frame& frame,
                  mqtt::ProtocolVersion version, const mqtt::Limits& limits, PacketScratch& scratch,
                  const FrameOwner& owner);
// What comes is no frame, or a larger one than is allowed.
void refuse_frame(session::Session& session, mqtt::FrameStatus status);
std::string_view why_refused(mqtt::FrameStatus status);

}  // namespace roost::gates
