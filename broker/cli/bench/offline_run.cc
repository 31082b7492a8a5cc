// SPDX-License-Identifier: Apache-2.0
// offline: persistent sessions subscribe and leave, their queues are filled, they come back and
// drain them.
#include <unistd.h>

#include <memory>
#include <vector>

#include "broker/base/hash.h"
#include "broker/cli/bench/drive.h"
#include "broker/cli/bench/meter.h"
#include "broker/cli/bench/modes.h"
#include "broker/cli/bench/publisher.h"
#include "broker/cli/bench/subscriber.h"

namespace roost::cli::bench {
namespace {

constexpr double kPatienceSeconds = 10;
constexpr std::size_t kScratchBytes = 1024 * 1024;

Options at_least_qos_1(Options options) {
  if (options.qos == 0) options.qos = 1;  // QoS 0 isn't queued
  options.messages = options.count;
  options.rate = 0;
  return options;
}

class OfflineRun {
 public:
  explicit OfflineRun(const Options& options)
      : options_(at_least_qos_1(options)),
        loop_(kScratchBytes),
        drive_(options_, loop_),
        meter_(options.pid),
        flow_(options_) {}

  Result<int> run(Report& report);

 private:
  Result<void> leave();  // sessions are made, subscribed and left
  bool fill();
  void drain();
  void forget();
  bool come_back(Report& report);

  Tally& tally() { return *flow_.tallies[0]; }
  std::uint64_t to_fill() const { return options_.count * options_.publishers; }
  std::uint64_t to_drain() const { return options_.count * options_.subscribers; }

  const Options options_;
  Loop loop_;
  Drive drive_;
  Meter meter_;
  Flow flow_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
};

Result<void> OfflineRun::leave() {
  auto target = resolve(options_);
  if (!target) return Unexpected(std::move(target).error());
  flow_.use({*target, options_.version, options_.user_name, options_.password});
  flow_.run = static_cast<std::uint32_t>(mix64(clock_ns()));
  flow_.name = "bench-offline-" + std::to_string(getpid());
  flow_.plan = make_plan(options_);
  for (PublisherPlan& plan : flow_.plan.publishers) plan.receivers = 0;
  flow_.tallies.push_back(std::make_unique<Tally>(options_.publishers));
  for (std::uint32_t i = 0; i < options_.subscribers; ++i) {
    subscribers_.push_back(std::make_unique<Subscriber>(loop_, flow_, tally(), i));
    subscribers_.back()->open(false);
  }
  bool ok = drive_.until(
      "connecting", kPatienceSeconds, [&] { return tally().ready.value(); },
      [&] { return tally().ready.value() == options_.subscribers; });
  for (const auto& subscriber : subscribers_) subscriber->subscribe();
  ok = ok && drive_.until(
                 "subscribing", kPatienceSeconds, [&] { return tally().subscribed.value(); },
                 [&] { return tally().subscribed.value() == options_.subscribers; });
  for (const auto& subscriber : subscribers_) subscriber->close();
  if (!ok) return error(ErrorKind::unavailable, "not all sessions: " + tally().last_trouble);
  return {};
}

bool OfflineRun::fill() {
  for (std::uint32_t i = 0; i < options_.publishers; ++i) {
    publishers_.push_back(std::make_unique<Publisher>(loop_, flow_, tally(), i));
    publishers_.back()->open(true);
  }
  return drive_.until(
      "filling", kPatienceSeconds, [&] { return tally().completed.value(); },
      [&] { return tally().completed.value() >= to_fill(); },
      [&] {
        for (const auto& publisher : publishers_) {
          if (!publisher->finished()) publisher->fill();
        }
      });
}

void OfflineRun::drain() {
  for (const auto& subscriber : subscribers_) subscriber->open(false);
  drive_.until(
      "draining", options_.drain_seconds, [&] { return tally().delivered.value(); },
      [&] { return tally().delivered.value() >= to_drain(); });
}

void OfflineRun::forget() {
  for (const auto& publisher : publishers_) publisher->close();
  for (const auto& subscriber : subscribers_) subscriber->close();
  loop_.flush();
  const std::uint64_t gone = tally().sessions_gone.value();
  for (const auto& subscriber : subscribers_) subscriber->open(true);
  drive_.until(
      "cleaning up", kPatienceSeconds, [&] { return tally().sessions_gone.value(); },
      [&] { return tally().sessions_gone.value() - gone >= options_.subscribers; });
  for (const auto& subscriber : subscribers_) subscriber->close();
  loop_.flush();
}

Result<int> OfflineRun::run(Report& report) {
  if (auto ok = leave(); !ok) return Unexpected(ok.error());
  const auto before = meter_.sample();
  const std::uint64_t fill_ns = clock_ns();
  const bool filled = fill();
  const double fill_s = static_cast<double>(clock_ns() - fill_ns) / 1e9;
  const auto after = meter_.sample();
  const auto completed = static_cast<double>(tally().completed.value());
  report.count("sessions", "sessions", options_.subscribers);
  report.count("messages", "messages per session", options_.count);
  report.number("filled_per_s", "acknowledged per second", completed / fill_s, 0);
  if (before && after) {
    report.number("fill_cpu_us", "broker CPU per message stored",
                  static_cast<double>(cpu_between_ns(*before, *after)) / 1e3 / completed, 3, "us");
  }
  add_growth(report, "message", before, after, tally().completed.value());
  if (!options_.keep) return come_back(report) && filled ? 0 : 1;
  for (const auto& publisher : publishers_) publisher->close();
  loop_.flush();
  return filled ? 0 : 1;
}

// False: something is missing.
bool OfflineRun::come_back(Report& report) {
  meter_.begin();
  drain();
  meter_.end();
  std::vector<std::uint64_t> sent;
  for (const auto& publisher : publishers_) sent.push_back(publisher->completed());
  std::uint64_t lost = 0;
  for (const auto& subscriber : subscribers_) lost += subscriber->lost(sent);
  const std::uint64_t sessions_gone = tally().sessions_gone.value();
  forget();

  const std::uint64_t delivered = tally().delivered.value();
  report.number("drained_per_s", "drained per second",
                static_cast<double>(delivered) / meter_.window_seconds(), 0);
  meter_.add_cpu(report, delivered);
  report.count("delivered", "delivered", delivered);
  report.count("lost", "acknowledged and lost", lost);
  report.count("duplicated", "duplicated", tally().duplicates.value());
  report.count("reordered", "reordered", tally().reordered.value());
  report.count("sessions_gone", "sessions forgotten", sessions_gone);
  return lost == 0 && sessions_gone == 0;
}

}  // namespace

Result<int> run_offline(const Options& options, Report& report) {
  return OfflineRun(options).run(report);
}

}  // namespace roost::cli::bench
