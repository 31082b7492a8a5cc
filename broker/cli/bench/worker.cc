// SPDX-License-Identifier: Apache-2.0
#include "broker/cli/bench/worker.h"

#include <sys/prctl.h>

#include <algorithm>

namespace roost::cli::bench {
namespace {

constexpr std::int64_t kIdleTurnNs = 10'000'000;
// Credit may come from another worker's subscriber, which doesn't wake this loop.
constexpr std::int64_t kCreditTurnNs = 200'000;
constexpr std::uint32_t kOpeningAtOnce = 100;
constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kForgetNs = 5 * kSecondNs;

std::size_t scratch_bytes(const Options& options) {
  return std::max<std::size_t>(256 * 1024, 4 * std::size_t{options.payload_bytes});
}

}  // namespace

Worker::Worker(Flow& flow, std::uint32_t index)
    : flow_(flow), tally_(*flow.tallies[index]), index_(index), loop_(scratch_bytes(flow.options)) {
  for (std::uint32_t i = 0; i < flow.plan.subscribers.size(); ++i) {
    if (flow.plan.subscribers[i].thread != index) continue;
    subscribers_.push_back(std::make_unique<Subscriber>(loop_, flow, tally_, i));
    if (flow.options.mode == Mode::shared) subscribers_.back()->share_trackers(*subscribers_[0]);
  }
  for (std::uint32_t i = 0; i < flow.plan.publishers.size(); ++i) {
    if (flow.plan.publishers[i].thread != index) continue;
    publishers_.push_back(std::make_unique<Publisher>(loop_, flow, tally_, i));
    publisher_indexes_.push_back(i);
  }
  if (flow.options.rate > 0 && !publishers_.empty()) {
    const double share =
        static_cast<double>(publishers_.size()) / static_cast<double>(flow.plan.publishers.size());
    interval_ns_ = static_cast<std::uint64_t>(1e9 / (flow.options.rate * share));
  }
}

void Worker::run() {
  prctl(PR_SET_TIMERSLACK, 1000UL);  // paced messages leave on time
  while (flow_.phase.load(std::memory_order_relaxed) != Phase::end) {
    loop_.turn(sleep_ns());
    switch (flow_.phase.load(std::memory_order_relaxed)) {
      case Phase::connect:
        open_some();
        break;
      case Phase::subscribe:
        if (!subscribed_) {
          subscribed_ = true;
          for (const auto& subscriber : subscribers_) subscriber->subscribe();
        }
        break;
      case Phase::publish:
        publish();
        break;
      case Phase::drain:
        if (flow_.options.messages > 0) publish();
        break;
      case Phase::end:
        break;
    }
    if (loop_.now_ns() >= next_second_ns_) each_second();
    loop_.flush();
  }
  for (const auto& publisher : publishers_) publisher->close();
  for (const auto& subscriber : subscribers_) subscriber->close();
  if (flow_.options.persistent) forget();
}

// Sessions that stayed would store what the next run sends.
void Worker::forget() {
  loop_.flush();
  const std::uint64_t gone = tally_.sessions_gone.value() + subscribers_.size();
  for (const auto& subscriber : subscribers_) subscriber->open(true);
  const std::uint64_t end_ns = loop_.now_ns() + kForgetNs;
  while (tally_.sessions_gone.value() < gone && loop_.now_ns() < end_ns) {
    loop_.turn(kIdleTurnNs);
    loop_.flush();
  }
  for (const auto& subscriber : subscribers_) subscriber->close();
  loop_.flush();
}

// A hundred handshakes at a time, so that no accept queue overflows.
void Worker::open_some() {
  const std::size_t all = subscribers_.size() + publishers_.size();
  while (opened_ < all && opened_ - tally_.ready.value() < kOpeningAtOnce) {
    const bool is_subscriber = opened_ < subscribers_.size();
    link_at(opened_++).open(!(is_subscriber && flow_.options.persistent));
  }
}

void Worker::publish() {
  if (interval_ns_ > 0) {
    publish_paced();
  } else {
    for (const auto& publisher : publishers_) publisher->fill();
  }
}

void Worker::publish_paced() {
  if (next_due_ns_ == 0) next_due_ns_ = loop_.now_ns();
  while (next_due_ns_ <= loop_.now_ns()) {
    if (!publishers_[next_publisher_]->send_due(next_due_ns_)) return;  // latency counts the wait
    next_due_ns_ += interval_ns_;
    next_publisher_ = (next_publisher_ + 1) % publishers_.size();
  }
}

void Worker::each_second() {
  next_second_ns_ = loop_.now_ns() + kSecondNs;
  for (const auto& publisher : publishers_) publisher->check_stall();
}

Link& Worker::link_at(std::size_t i) {
  if (i < subscribers_.size()) return *subscribers_[i];
  return *publishers_[i - subscribers_.size()];
}

std::int64_t Worker::sleep_ns() const {
  const Phase phase = flow_.phase.load(std::memory_order_relaxed);
  if (phase != Phase::publish && phase != Phase::drain) return kIdleTurnNs / 10;
  if (interval_ns_ > 0 && phase == Phase::publish) {
    const std::uint64_t now = clock_ns();
    if (next_due_ns_ > now) return static_cast<std::int64_t>(next_due_ns_ - now);
    return kCreditTurnNs;  // held back by the window
  }
  return flow_.options.threads > 1 ? kCreditTurnNs : kIdleTurnNs;
}

void Worker::add_sent(std::vector<std::uint64_t>& sent) const {
  for (std::size_t i = 0; i < publishers_.size(); ++i) {
    sent[publisher_indexes_[i]] += publishers_[i]->sent();
  }
}

std::uint64_t Worker::lost(const std::vector<std::uint64_t>& sent) const {
  std::uint64_t sum = 0;
  for (const auto& subscriber : subscribers_) {
    sum += subscriber->lost(sent);
    if (flow_.options.mode == Mode::shared) break;  // they share one account
  }
  return sum;
}

}  // namespace roost::cli::bench
