// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/verify_ledger.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::cli::bench {
namespace {
constexpr std::size_t kExamplesMax = 8;
}  // namespace

Ledger::Ledger(std::vector<std::uint8_t> qos_of_publishers, std::uint32_t topics,
               std::uint32_t subscribers)
    : topics_(topics), subscribers_(subscribers) {
  CHECK(topics > 0);
  for (const std::uint8_t qos : qos_of_publishers) publishers_.emplace_back().qos = qos;
  trackers_.resize(publishers_.size() * topics * subscribers);
}

void Ledger::on_sent(std::uint32_t publisher, std::uint64_t number, std::uint64_t now_ns) {
  Publisher& from = publishers_[publisher];
  CHECK(number == from.sent);
  ++from.sent;
  ++verdict_.sent;
  if (from.qos == 0) return;
  from.acknowledged.push_back(false);
  if (from.waiting++ == 0) from.waiting_ns = now_ns;
}

void Ledger::on_acknowledged(std::uint32_t publisher, std::uint64_t number, std::uint64_t now_ns) {
  Publisher& from = publishers_[publisher];
  CHECK(number < from.acknowledged.size() && !from.acknowledged[number] && from.waiting > 0);
  from.acknowledged[number] = true;
  ++verdict_.acknowledged;
  verdict_.ack_pause_ns = std::max(verdict_.ack_pause_ns, now_ns - from.waiting_ns);
  --from.waiting;
  from.waiting_ns = now_ns;
}

void Ledger::on_dropped(std::uint32_t publisher) {
  CHECK(publishers_[publisher].waiting > 0);
  --publishers_[publisher].waiting;
}

void Ledger::on_received(std::uint32_t subscriber, std::uint32_t publisher, std::uint64_t number,
                         std::uint64_t sent_ns, std::uint64_t now_ns) {
  if (publisher >= publishers_.size() || number >= publishers_[publisher].sent) {
    ++verdict_.foreign;
    return;
  }
  Publisher& from = publishers_[publisher];
  ++verdict_.received;
  latency_ns_.add(now_ns > sent_ns ? now_ns - sent_ns : 0);
  SequenceTracker& tracker = trackers_[tracker_at(subscriber, publisher, number % topics_)];
  const std::uint64_t before = tracker.next();
  const Arrival arrival = tracker.on_arrival(number / topics_);
  from.arrived += tracker.next() - before;
  if (arrival == Arrival::duplicate) {
    ++verdict_.repeats[from.qos];
    if (from.qos == 2) {
      add_example(name_of(publisher, number) + " came again to subscriber " +
                  std::to_string(subscriber));
    }
    return;
  }
  if (arrival == Arrival::reordered) {
    ++verdict_.reordered;
    add_example(name_of(publisher, number) + " came late to subscriber " +
                std::to_string(subscriber));
  }
  note_recovery(subscriber, sent_ns, now_ns);
}

void Ledger::note_recovery(std::uint32_t subscriber, std::uint64_t sent_ns, std::uint64_t now_ns) {
  if (marks_.empty() || marks_.back().waiting == 0) return;
  Mark& mark = marks_.back();
  if (sent_ns < mark.at_ns || mark.first_ns[subscriber] != 0) return;
  mark.first_ns[subscriber] = now_ns;
  --mark.waiting;
}

void Ledger::on_session_gone(const std::string& client_id) {
  ++verdict_.sessions_gone;
  add_example("the session of " + client_id + " was not resumed");
}

void Ledger::mark(std::uint64_t now_ns) {
  marks_.push_back({now_ns, std::vector<std::uint64_t>(subscribers_), subscribers_});
}

template <typename Call>
void Ledger::each_missing(std::uint32_t subscriber, std::uint32_t publisher, Call call) const {
  const std::uint64_t sent = publishers_[publisher].sent;
  for (std::uint32_t topic = 0; topic < topics_; ++topic) {
    const SequenceTracker& seen = trackers_[tracker_at(subscriber, publisher, topic)];
    for (const SequenceTracker::Gap& gap : seen.gaps()) {
      for (std::uint64_t n = gap.first; n < gap.end; ++n) call(n * topics_ + topic);
    }
    for (std::uint64_t n = seen.next() * topics_ + topic; n < sent; n += topics_) call(n);
  }
}

bool Ledger::is_complete() const {
  for (std::uint32_t subscriber = 0; subscriber < subscribers_; ++subscriber) {
    for (std::uint32_t publisher = 0; publisher < publishers_.size(); ++publisher) {
      const Publisher& from = publishers_[publisher];
      bool is_owed = false;
      each_missing(subscriber, publisher, [&](std::uint64_t number) {
        is_owed |= from.qos == 0 || from.acknowledged[number];
      });
      if (is_owed) return false;
    }
  }
  return true;
}

void Ledger::add_missing(Verdict& verdict) const {
  for (std::uint32_t subscriber = 0; subscriber < subscribers_; ++subscriber) {
    for (std::uint32_t publisher = 0; publisher < publishers_.size(); ++publisher) {
      const Publisher& from = publishers_[publisher];
      each_missing(subscriber, publisher, [&](std::uint64_t number) {
        if (from.qos == 0) ++verdict.missing_qos0;
        if (from.qos == 0 || !from.acknowledged[number]) return;
        ++verdict.lost;
        if (verdict.examples.size() >= kExamplesMax) return;
        verdict.examples.push_back(name_of(publisher, number) + " never came to subscriber " +
                                   std::to_string(subscriber));
      });
    }
  }
}

Verdict Ledger::verdict(std::uint64_t now_ns) const {
  Verdict verdict = verdict_;
  for (const Publisher& from : publishers_) {
    if (from.waiting == 0) continue;
    verdict.ack_pause_ns = std::max(verdict.ack_pause_ns, now_ns - from.waiting_ns);
  }
  for (const Mark& mark : marks_) {
    Recovery recovery;
    recovery.waiting = mark.waiting;
    for (const std::uint64_t first : mark.first_ns) {
      if (first == 0) continue;
      const std::uint64_t took = first - mark.at_ns;
      recovery.first_ns = recovery.first_ns == 0 ? took : std::min(recovery.first_ns, took);
      recovery.last_ns = std::max(recovery.last_ns, took);
    }
    verdict.recoveries.push_back(recovery);
  }
  add_missing(verdict);
  return verdict;
}

std::string Ledger::name_of(std::uint32_t publisher, std::uint64_t number) const {
  return "message " + std::to_string(number) + " of publisher " + std::to_string(publisher) +
         " (QoS " + std::to_string(publishers_[publisher].qos) + ", topic " +
         std::to_string(number % topics_) + ")";
}

void Ledger::add_example(std::string text) {
  if (verdict_.examples.size() < kExamplesMax / 2) verdict_.examples.push_back(std::move(text));
}

}  // namespace roost::cli::bench
