// SPDX-License-Identifier: Apache-2.0
// Judges a verified run: what publishers sent and were promised, what subscribers received. Every
// publisher has one QoS and numbers its messages from 0; number n goes to its topic n % topics.
// Every subscriber is owed every acknowledged message.
// Thread: own thread (pure).
// Owner: verify_run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/cli/bench/histogram.h"
#include "broker/cli/bench/sequence_tracker.h"

namespace roost::cli::bench {

// From a marked moment to the first message that was sent after it and delivered, over all
// subscribers.
struct Recovery {
  std::uint64_t first_ns = 0, last_ns = 0;  // of the first and of the last subscriber
  std::uint32_t waiting = 0;                // subscribers that got none
};

struct Verdict {
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;  // by PUBACK or PUBREC with success
  std::uint64_t received = 0;      // deliveries, repeats too
  std::uint64_t lost = 0;          // acknowledged and never received, once for each subscriber
  std::uint64_t missing_qos0 = 0;  // sent at QoS 0 and never received
  std::uint64_t repeats[3] = {};   // by QoS; at QoS 2: beyond what its handshake suppresses
  std::uint64_t reordered = 0;     // received for the first time behind a later one of its topic
  std::uint64_t foreign = 0;       // never sent
  std::uint64_t sessions_gone = 0;
  std::uint64_t ack_pause_ns = 0;  // the longest time that a publisher waited for the next one
  std::vector<Recovery> recoveries;
  std::vector<std::string> examples;  // of what is wrong, a few sentences

  bool is_broken() const { return lost + repeats[2] + reordered > 0; }
};

class Ledger {
 public:
  Ledger(std::vector<std::uint8_t> qos_of_publishers, std::uint32_t topics,
         std::uint32_t subscribers);

  // In order of the numbers, each once: a message that is sent again isn't told again.
  void on_sent(std::uint32_t publisher, std::uint64_t number, std::uint64_t now_ns);
  // With success; once for each.
  void on_acknowledged(std::uint32_t publisher, std::uint64_t number, std::uint64_t now_ns);
  // Refused, or forgotten with the publisher's session: nobody is owed it.
  void on_dropped(std::uint32_t publisher);
  // To the application: QoS 2 behind its handshake.
  void on_received(std::uint32_t subscriber, std::uint32_t publisher, std::uint64_t number,
                   std::uint64_t sent_ns, std::uint64_t now_ns);
  // CONNACK without a session where there must have been one.
  void on_session_gone(const std::string& client_id);
  void mark(std::uint64_t now_ns);

  // Numbers of that publisher that subscribers are done with, on average: received, or behind a
  // later one.
  std::uint64_t arrived(std::uint32_t publisher) const {
    return subscribers_ == 0 ? publishers_[publisher].sent
                             : publishers_[publisher].arrived / subscribers_;
  }
  std::uint64_t sent() const { return verdict_.sent; }
  std::uint64_t acknowledged() const { return verdict_.acknowledged; }
  std::uint64_t received() const { return verdict_.received; }
  const Histogram& latency() const { return latency_ns_; }
  // Whether every subscriber has all that it is owed.
  bool is_complete() const;

  // As of now: what waits for an acknowledgement counts as a pause until now.
  Verdict verdict(std::uint64_t now_ns) const;

 private:
  struct Publisher {
    std::uint8_t qos = 0;
    std::uint64_t sent = 0;
    std::uint64_t waiting = 0;       // for an acknowledgement
    std::uint64_t waiting_ns = 0;    // since when none came; while `waiting`
    std::uint64_t arrived = 0;       // over all subscribers
    std::vector<bool> acknowledged;  // by number
  };
  struct Mark {
    std::uint64_t at_ns = 0;
    std::vector<std::uint64_t> first_ns;  // by subscriber; 0: none yet
    std::uint32_t waiting = 0;
  };

  std::size_t tracker_at(std::uint32_t subscriber, std::uint32_t publisher,
                         std::uint64_t topic) const {
    return (std::size_t{subscriber} * publishers_.size() + publisher) * topics_ + topic;
  }
  // Calls call(number) for all that this subscriber never received, of those that were sent.
  template <typename Call>
  void each_missing(std::uint32_t subscriber, std::uint32_t publisher, Call call) const;
  void note_recovery(std::uint32_t subscriber, std::uint64_t sent_ns, std::uint64_t now_ns);
  void add_example(std::string text);
  std::string name_of(std::uint32_t publisher, std::uint64_t number) const;
  void add_missing(Verdict& verdict) const;

  const std::uint32_t topics_;
  const std::uint32_t subscribers_;
  std::vector<Publisher> publishers_;
  std::vector<SequenceTracker> trackers_;
  std::vector<Mark> marks_;
  Histogram latency_ns_;
  Verdict verdict_;  // what is known so far
};

}  // namespace roost::cli::bench
