// SPDX-License-Identifier: Apache-2.0
// Publishes numbered messages at one QoS, and after a lost connection what is not finished again,
// in order, under the same ids and with the same payload.
// Thread: own thread (its loop's).
// Owner: verify_run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/cli/bench/verify_client.h"

namespace roost::cli::bench {

class VerifyPublisher final : public VerifyClient {
 public:
  VerifyPublisher(Loop& loop, VerifyShared& shared, std::uint32_t index, std::uint8_t qos);

  // What is due; nothing while it is away. Once a turn.
  void publish(std::uint64_t now_ns);
  // Nothing came of what it sent at QoS 0 for a while: goes on without. Once a second.
  void check_stall();
  bool has_sent_all() const;
  // All that it sent is acknowledged to the end, or given up.
  bool is_settled() const { return oldest_ == next_; }

 private:
  // What a number from oldest_ to next_ waits for.
  enum class Step : std::uint8_t { ack, pubcomp, done };
  struct Sent {
    Step step = Step::done;
    std::uint64_t sent_ns = 0;
  };

  void on_greeting(Greeting greeting, const mqtt::Connack& connack) override;
  void on_packet(const mqtt::Frame& frame) override;
  void on_ack(const mqtt::Frame& frame);
  void put(std::uint64_t number, bool dup);
  void send_again(bool is_forgotten);
  void advance();
  bool has_room() const;

  Sent& at(std::uint64_t number) { return ring_[number & (ring_.size() - 1)]; }
  static mqtt::PacketId id_of(std::uint64_t number) {
    return static_cast<mqtt::PacketId>(number % 65535 + 1);
  }

  const std::uint8_t qos_;
  std::vector<std::string> topics_;
  std::uint64_t interval_ns_ = 0;  // 0: as fast as it goes
  std::uint64_t due_ns_ = 0;
  std::uint32_t window_;
  std::uint64_t next_ = 0;    // number
  std::uint64_t oldest_ = 0;  // all below are finished
  std::vector<Sent> ring_;
  std::uint64_t written_off_ = 0;
  std::uint64_t progress_seen_ = 0;
};

}  // namespace roost::cli::bench
