// SPDX-License-Identifier: Apache-2.0
// Messages on their way to one client, oldest first: those that entered the window and aren't
// finished, then those that wait. QoS 1 and 2 have a sequence; packet id = sequence mod 65535 + 1,
// so a session resumed anywhere resends under the same ids. What is in the window neither expires
// nor drops. [MQTT-4.4.0-1] [MQTT-4.6.0-1]
// Thread: core-bound. Owner: Session.
#pragma once

#include <cstdint>

#include "broker/session/queue_entry.h"
#include "broker/session/ring.h"

namespace roost::session {

class Outgoing {
 public:
  static constexpr std::uint32_t kIds = 65535;
  static constexpr std::uint64_t kUnnumbered = UINT64_MAX;

  enum class State : std::uint8_t {
    waiting,          // not in the window yet
    publish_sent,     // waits for PUBACK or PUBREC
    pubrec_received,  // QoS 2: PUBREL goes out once the PUBREC is committed
    pubrel_sent,      // waits for PUBCOMP
    finished,         // waits only for older ones to leave
  };
  struct Entry {
    QueueEntry queued;
    // Taken when it enters the window, unless the shard numbered it before.
    std::uint64_t sequence = kUnnumbered;
    State state = State::waiting;
    bool sent = false;       // on any connection: the next time carries DUP
    bool sent_here = false;  // on this connection
  };

  static mqtt::PacketId id_of(std::uint64_t sequence) {
    return static_cast<mqtt::PacketId>(sequence % kIds + 1);
  }

  std::size_t size() const { return entries_.size(); }
  std::size_t window() const { return window_; }  // entries in the window, finished ones too
  std::size_t waiting() const { return entries_.size() - window_; }
  std::uint32_t unfinished() const { return unfinished_; }  // in the window
  // Index 0 is the oldest; below window() are those in the window.
  Entry& at(std::size_t index) { return entries_[index]; }
  const Entry& at(std::size_t index) const { return entries_[index]; }
  mqtt::PacketId id_at(std::size_t index) const { return id_of(entries_[index].sequence); }

  void push(Entry entry) { entries_.push_back(std::move(entry)); }
  Entry& next_waiting() { return entries_[window_]; }
  // Another QoS 1/2 message may enter: nothing does 65535 past the oldest unfinished one.
  bool has_id() const;
  // The next waiting one enters the window. Requires: QoS > 0, waiting() > 0, has_id().
  // Returns its index.
  std::size_t enter();
  // The next waiting one leaves without having been in the window. Requires: waiting() > 0.
  QueueEntry skip();
  // The unfinished entry in the window under that id, or null.
  Entry* find(mqtt::PacketId id);
  // The waiting entry of that sequence, or null.
  Entry* find_waiting(std::uint64_t sequence);
  // Lets go of the message. Requires: in the window and unfinished. Returns how many entries left.
  std::uint32_t finish(Entry& entry);
  void shrink() { entries_.shrink(); }

 private:
  std::size_t lower_bound(std::uint64_t sequence, std::size_t begin, std::size_t end) const;
  std::uint32_t pop_finished();

  Ring<Entry> entries_;  // sequences rise; who has none yet stands behind
  std::size_t window_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::uint32_t unfinished_ = 0;
};

}  // namespace roost::session
