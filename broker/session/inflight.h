// SPDX-License-Identifier: Apache-2.0
// QoS 1 and 2 messages that entered the window towards one client and aren't finished. Each takes
// the next sequence; packet id = sequence mod 65535 + 1, so a session resumed anywhere resends
// under the same ids. Kept across connections; entries in flight neither expire nor drop.
// [MQTT-4.4.0-1] [MQTT-4.6.0-1]
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <optional>

#include "broker/session/queue_entry.h"
#include "broker/session/ring.h"

namespace roost::session {

enum class InflightState : std::uint8_t {
  publish_sent,  // waits for PUBACK or PUBREC
  pubrel_sent,   // QoS 2, PUBREC came: waits for PUBCOMP
  finished,      // waits only for older ones to leave
};

class Inflight {
 public:
  struct Entry {
    QueueEntry queued;
    InflightState state = InflightState::publish_sent;
    bool sent = false;       // on any connection: the next time carries DUP
    bool sent_here = false;  // on this connection
  };

  static constexpr std::uint32_t kIds = 65535;

  // Room for another id: nothing enters 65535 past the oldest unfinished.
  bool has_id() const { return entries_.size() < kIds; }
  std::uint32_t unfinished() const { return unfinished_; }
  std::size_t size() const { return entries_.size(); }  // finished ones in the middle included

  // Requires: has_id(), entry.qos > 0. Returns the packet id it goes under.
  mqtt::PacketId push(QueueEntry entry);
  // The unfinished entry under that id, or null.
  Entry* find(mqtt::PacketId id);
  // Marks finished and lets go of the message. Requires: found and unfinished.
  void finish(mqtt::PacketId id);

  // For resending in the original order: index 0 is the oldest.
  Entry& at(std::size_t index) { return entries_[index]; }
  mqtt::PacketId id_at(std::size_t index) const { return id_of(first_sequence_ + index); }
  void clear();
  void shrink() { entries_.shrink(); }

 private:
  static mqtt::PacketId id_of(std::uint64_t sequence) {
    return static_cast<mqtt::PacketId>(sequence % kIds + 1);
  }
  std::optional<std::size_t> index_of(mqtt::PacketId id) const;

  Ring<Entry> entries_;
  std::uint64_t first_sequence_ = 0;  // of entries_[0]
  std::uint32_t unfinished_ = 0;
};

}  // namespace roost::session
