// SPDX-License-Identifier: Apache-2.0
// One thread of the load generator: its share of publishers and subscribers on one loop.
// Thread: run() on its own thread; the rest before it starts and after it has ended.
// Owner: flow_run.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/cli/bench/publisher.h"
#include "broker/cli/bench/subscriber.h"

namespace roost::cli::bench {

class Worker {
 public:
  Worker(Flow& flow, std::uint32_t index);

  // Until Phase::end.
  void run();

  // Adds what each publisher of this worker has sent.
  void add_sent(std::vector<std::uint64_t>& sent) const;
  std::uint64_t lost(const std::vector<std::uint64_t>& sent) const;
  const Histogram& latency() const { return tally_.latency_ns; }

 private:
  Link& link_at(std::size_t i);  // subscribers, then publishers
  void open_some();
  void publish();
  void publish_paced();
  void each_second();
  void forget();
  std::int64_t sleep_ns() const;

  Flow& flow_;
  Tally& tally_;
  std::uint32_t index_;
  Loop loop_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::uint32_t> publisher_indexes_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::size_t opened_ = 0;
  bool subscribed_ = false;
  std::uint64_t next_due_ns_ = 0;
  std::uint64_t interval_ns_ = 0;
  std::size_t next_publisher_ = 0;
  std::uint64_t next_second_ns_ = 0;
};

}  // namespace roost::cli::bench
