// SPDX-License-Identifier: Apache-2.0
// A publisher of numbered messages with a bounded number on the way: a message counts as on the
// way until it is acknowledged (QoS 1 and 2) and has arrived at all its subscribers.
// Thread: own thread (its worker's).
#pragma once

#include <cstdint>
#include <vector>

#include "broker/cli/bench/flow.h"

namespace roost::cli::bench {

class Publisher final : public Link {
 public:
  Publisher(Loop& loop, Flow& flow, Tally& tally, std::uint32_t index);

  // Sends as many as the window has room for, once that is at least a quarter of the window: so
  // that packets travel in batches, as they do from a publisher that is busy.
  void fill();
  // One message that was due then; false when nothing can be sent now.
  bool send_due(std::uint64_t due_ns);
  // Gives up on messages that were acknowledged but never arrived (QoS 0 dropped on the way), so
  // that the run goes on. Called once a second.
  void check_stall();

  bool finished() const;  // sent and completed all that it was asked for
  std::uint64_t sent() const { return sent_; }
  std::uint64_t completed() const { return flow_.options.qos == 0 ? sent_ : oldest_; }
  // Messages sent carry the retain flag. Before the first one.
  void set_retain(bool retain) { retain_ = retain; }
  // An empty payload instead of a numbered one. Before the first one.
  void set_empty(bool empty) { empty_ = empty; }
  void limit_messages(std::uint64_t messages) { messages_max_ = messages; }

 private:
  // What a number from oldest_ to sent_ waits for.
  enum class Step : std::uint8_t { puback_or_pubrec, pubcomp, done };

  void on_ready(const mqtt::Connack& connack) override;
  void on_frame(const mqtt::Frame& frame) override;
  void on_lost(std::string_view why) override;
  void append(std::uint64_t number, std::uint64_t due_ns);
  void on_ack(mqtt::PacketType type, mqtt::PacketId id);
  std::uint64_t on_the_way() const;
  std::uint64_t window_room() const;
  mqtt::PacketId id_of(std::uint64_t number) const {
    return static_cast<mqtt::PacketId>(number % 65535 + 1);
  }
  Step& step_of(std::uint64_t number) { return steps_[number & (steps_.size() - 1)]; }

  Flow& flow_;
  Tally& tally_;
  const PublisherPlan& plan_;
  std::uint32_t index_;
  std::uint32_t window_;
  std::uint64_t messages_max_;
  bool retain_ = false;
  bool empty_ = false;
  std::uint64_t sent_ = 0;    // the next number
  std::uint64_t oldest_ = 0;  // all below are completed (QoS 1 and 2)
  std::vector<Step> steps_;   // ring, a power of two
  std::uint64_t written_off_ = 0;
  std::uint64_t progress_seen_ = 0;  // at the last check_stall
  std::uint32_t stalled_checks_ = 0;
};

}  // namespace roost::cli::bench
