// SPDX-License-Identifier: Apache-2.0
// A persistent subscriber to all messages of the run, that tells the ledger of each.
// Thread: own thread (its loop's).
// Owner: verify_run.
#pragma once

#include <bitset>
#include <cstdint>

#include "broker/cli/bench/verify_client.h"

namespace roost::cli::bench {

class VerifySubscriber final : public VerifyClient {
 public:
  VerifySubscriber(Loop& loop, VerifyShared& shared, std::uint32_t index)
      : VerifyClient(loop, shared, "sub", index) {}

  bool is_subscribed() const { return is_subscribed_; }

 private:
  void on_greeting(Greeting greeting, const mqtt::Connack& connack) override;
  void on_packet(const mqtt::Frame& frame) override;
  void on_publish(const mqtt::Frame& frame);
  void on_suback(const mqtt::Frame& frame);
  void subscribe();

  bool is_subscribed_ = false;
  std::bitset<65536> awaiting_release_;  // QoS 2
};

}  // namespace roost::cli::bench
