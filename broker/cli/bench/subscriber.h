// SPDX-License-Identifier: Apache-2.0
// A subscriber that acknowledges at once and accounts for every numbered message.
// Thread: own thread (its worker's).
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/cli/bench/flow.h"
#include "broker/cli/bench/sequence_tracker.h"

namespace roost::cli::bench {

class Subscriber final : public Link {
 public:
  Subscriber(Loop& loop, Flow& flow, Tally& tally, std::uint32_t index);

  // Sends SUBSCRIBE for all filters; Tally::subscribed tells when all SUBACKs are in.
  void subscribe();
  // Numbers that never came, given how many each publisher sent.
  std::uint64_t lost(const std::vector<std::uint64_t>& sent) const;
  // Several subscribers share the messages (shared subscriptions): they share one account, too.
  void share_trackers(Subscriber& other) { trackers_ = other.trackers_; }

 private:
  using PacketIds = std::bitset<65536>;

  void on_ready(const mqtt::Connack& connack) override;
  void on_frame(const mqtt::Frame& frame) override;
  void on_lost(std::string_view why) override;
  void on_publish(const mqtt::Frame& frame);
  void on_suback(const mqtt::Frame& frame);
  void account(ByteView payload);
  // False when this exactly-once message has been counted before.
  bool acknowledge(std::uint8_t qos, mqtt::PacketId id);

  Flow& flow_;
  Tally& tally_;
  const SubscriberPlan& plan_;
  bool was_ready_ = false;
  std::size_t subacks_missing_ = 0;
  std::shared_ptr<std::vector<SequenceTracker>> trackers_;  // one per publisher of the plan
  std::unique_ptr<PacketIds> awaiting_release_;             // QoS 2 only
};

}  // namespace roost::cli::bench
