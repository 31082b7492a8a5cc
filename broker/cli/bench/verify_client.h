// SPDX-License-Identifier: Apache-2.0
// A client of a verified run: its session outlives its connections, and when one is lost, or
// silent, it comes back through another address, each time a little later.
// Thread: own thread (its loop's).
// Owner: verify_run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/cli/bench/link.h"
#include "broker/cli/bench/verify_ledger.h"

namespace roost::cli::bench {

// What all clients of the run share.
struct VerifyShared {
  explicit VerifyShared(const Options& from) : options(from) {}

  const Options& options;
  LinkSettings link;
  std::vector<Target> targets;
  std::uint32_t run = 0;
  std::string name;        // client ids begin with it
  std::string topic_root;  // topics are root/publisher/topic
  Ledger* ledger = nullptr;

  std::uint64_t completed = 0;  // messages acknowledged to the end (QoS 0: written), or given up
  std::uint64_t refused = 0;    // messages and subscriptions
  std::uint64_t lost_links = 0, cuts = 0;
  std::uint64_t failures = 0;  // connections of clients that never had a CONNACK
  std::string last_trouble;
};

class VerifyClient : public Link {
 public:
  VerifyClient(Loop& loop, VerifyShared& shared, const std::string& kind, std::uint32_t index);

  // Opens when it is time, asks who is silent whether he is there.
  void step(std::uint64_t now_ns);
  // As if the cable were cut; comes back then.
  void cut(std::uint64_t back_ns);
  bool was_ready() const { return was_ready_; }

 protected:
  enum class Greeting : std::uint8_t { first, resumed, forgotten };
  virtual void on_greeting(Greeting greeting, const mqtt::Connack& connack) = 0;
  virtual void on_packet(const mqtt::Frame& frame) = 0;

  VerifyShared& shared_;
  const std::uint32_t index_;

 private:
  void on_ready(const mqtt::Connack& connack) final;
  void on_frame(const mqtt::Frame& frame) final;
  void on_lost(std::string_view why) final;
  void give_up(std::string_view why);

  bool was_ready_ = false;
  bool is_pinged_ = false;
  std::size_t target_;
  std::uint64_t heard_ns_ = 0;  // the last frame; while not ready: when it was opened
  std::uint64_t retry_ns_ = 0;
  std::uint64_t pause_ns_;
};

}  // namespace roost::cli::bench
