// SPDX-License-Identifier: Apache-2.0
// What publishers and subscribers of a run share: who sends to whom, the numbered payload, and
// the counts that the run is judged by.
// Thread: the plan is immutable while workers run; a Tally is written by its worker only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/base/counter.h"
#include "broker/cli/bench/histogram.h"
#include "broker/cli/bench/link.h"
#include "broker/cli/bench/options.h"

namespace roost::cli::bench {

// The front of every payload, in the machine's byte order; filled up to the payload size.
struct Stamp {
  std::uint32_t run = 0;
  std::uint32_t publisher = 0;
  std::uint64_t number = 0;  // counts from 0 per publisher
  std::uint64_t due_ns = 0;  // when it was, or should have been, sent
};
static_assert(sizeof(Stamp) == kPayloadBytesMin);

// False when the payload isn't one of this run's.
bool read_stamp(ByteView payload, std::uint32_t run, Stamp& out);

struct PublisherPlan {
  std::vector<std::string> topics;  // taken in turn
  std::uint32_t receivers = 1;      // deliveries per message; 0: nobody is there to receive
  std::uint32_t thread = 0;
};

struct SubscriberPlan {
  std::vector<std::string> filters;
  std::uint32_t first_publisher = 0;  // whose messages it gets
  std::uint32_t publishers = 1;
  std::uint32_t thread = 0;
};

struct Plan {
  std::vector<PublisherPlan> publishers;
  std::vector<SubscriberPlan> subscribers;
};

// Requires: set_defaults() has run. `threads` as in the options.
Plan make_plan(const Options& options);

// One worker's counts. Written by it, read by anyone.
struct alignas(64) Tally {
  explicit Tally(std::size_t publishers) : arrived(publishers) {}

  Counter ready;            // links that have their CONNACK
  Counter subscribed;       // subscribers with all SUBACKs
  Counter refused;          // subscriptions refused
  Counter sent, completed;  // messages written; acknowledged to the end (QoS 0: written)
  Counter delivered;        // PUBLISH packets that arrived, whatever they were
  Counter duplicates, reordered, foreign;
  Counter lost_links;     // connections that ended without our doing
  Counter sessions_gone;  // reconnects after which the broker had forgotten the session
  // Per publisher: numbers this worker's subscribers are done with, missing ones included.
  std::vector<Counter> arrived;
  Histogram latency_ns;      // deliveries while measuring
  std::string last_trouble;  // read after the worker ended
};

enum class Phase : std::uint8_t { connect, subscribe, publish, drain, end };

// What one run's workers look at.
struct Flow {
  explicit Flow(const Options& from) : options(from) {}
  void use(const LinkSettings& all) { link = subscriber_link = all; }

  const Options& options;
  LinkSettings link;
  LinkSettings subscriber_link;  // to another node of the cluster, perhaps
  Plan plan;
  std::uint32_t run = 0;
  std::string name;  // unique to the run; client ids and topics begin with it
  std::vector<std::unique_ptr<Tally>> tallies;
  std::atomic<Phase> phase{Phase::connect};
  std::atomic<bool> measuring{false};

  // Numbers of `publisher` that all its subscribers together are done with.
  std::uint64_t arrived(std::size_t publisher) const;
  std::uint64_t sum(Counter Tally::*counter) const;
};

}  // namespace roost::cli::bench
