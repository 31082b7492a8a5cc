// SPDX-License-Identifier: Apache-2.0
// retained: stores retained messages on many topics, then subscribes to all of them again and
// again and times the replay.
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

constexpr double kPatienceSeconds = 5;
constexpr std::size_t kScratchBytes = 1024 * 1024;

class RetainedRun {
 public:
  explicit RetainedRun(const Options& options)
      : options_(options),
        store_options_(options),
        loop_(kScratchBytes),
        drive_(options, loop_),
        meter_(options.pid),
        store_(store_options_),
        replay_(options) {
    store_options_.qos = 1;  // stored once it is acknowledged
    store_options_.rate = 0;
  }

  Result<int> run(Report& report);

 private:
  Result<void> set_up();
  // Publishes on all topics; empty payloads clear them.
  bool store(bool empty);
  // One subscription; how many came.
  std::uint64_t replay();

  const Options& options_;
  Options store_options_;
  Loop loop_;
  Drive drive_;
  Meter meter_;
  Flow store_, replay_;
};

Result<void> RetainedRun::set_up() {
  auto target = resolve(options_);
  if (!target) return Unexpected(std::move(target).error());
  for (Flow* flow : {&store_, &replay_}) {
    flow->use({*target, options_.version, options_.user_name, options_.password});
    flow->run = static_cast<std::uint32_t>(mix64(clock_ns()));
    flow->name = "bench-retained-" + std::to_string(getpid());
    flow->tallies.push_back(std::make_unique<Tally>(options_.publishers));
  }
  replay_.run = store_.run;
  store_.plan.publishers.resize(options_.publishers);
  for (std::uint64_t n = 0; n < options_.count; ++n) {
    store_.plan.publishers[n % options_.publishers].topics.push_back(
        options_.topic_prefix + "/retained/" + std::to_string(n));
  }
  for (PublisherPlan& plan : store_.plan.publishers) plan.receivers = 0;
  const std::string filter = options_.filter.empty() ? "#" : options_.filter;
  replay_.plan.subscribers.push_back({{filter}, 0, options_.publishers, 0});
  return {};
}

bool RetainedRun::store(bool empty) {
  Tally& tally = *store_.tallies[0];
  const std::uint64_t base = tally.completed.value();
  std::vector<std::unique_ptr<Publisher>> publishers;
  for (std::uint32_t i = 0; i < options_.publishers; ++i) {
    publishers.push_back(std::make_unique<Publisher>(loop_, store_, tally, i));
    publishers.back()->set_retain(true);
    publishers.back()->set_empty(empty);
    publishers.back()->limit_messages(store_.plan.publishers[i].topics.size());
    publishers.back()->open(true);
  }
  const bool done = drive_.until(
      empty ? "clearing" : "storing", kPatienceSeconds, [&] { return tally.completed.value(); },
      [&] { return tally.completed.value() - base >= options_.count; },
      [&] {
        for (const auto& publisher : publishers) {
          if (!publisher->finished()) publisher->fill();
        }
      });
  for (const auto& publisher : publishers) publisher->close();
  loop_.flush();
  return done;
}

std::uint64_t RetainedRun::replay() {
  Tally& tally = *replay_.tallies[0];
  const std::uint64_t base = tally.delivered.value();
  Subscriber subscriber(loop_, replay_, tally, 0);
  const std::uint64_t ready = tally.ready.value();
  subscriber.open(true);
  drive_.until(
      "connecting", kPatienceSeconds, [] { return 0; },
      [&] { return tally.ready.value() > ready; });
  subscriber.subscribe();
  drive_.until(
      "replaying", options_.drain_seconds, [&] { return tally.delivered.value(); },
      [&] { return tally.delivered.value() - base >= options_.count; });
  subscriber.close();
  loop_.flush();
  return tally.delivered.value() - base;
}

Result<int> RetainedRun::run(Report& report) {
  if (auto ok = set_up(); !ok) return Unexpected(ok.error());
  const auto before = meter_.sample();
  const std::uint64_t store_begin = clock_ns();
  if (!store(false)) return error(ErrorKind::unavailable, "storing the topics didn't end");
  const double store_seconds = static_cast<double>(clock_ns() - store_begin) / 1e9;
  const auto after = meter_.sample();

  replay();  // warm-up
  std::uint64_t rounds = 0;
  std::uint64_t received = 0;
  std::uint64_t least = options_.count;
  meter_.begin();
  const auto end_ns = clock_ns() + static_cast<std::uint64_t>(options_.seconds * 1e9);
  while (clock_ns() < end_ns && !stop_requested()) {
    const std::uint64_t got = replay();
    least = std::min(least, got);
    received += got;
    ++rounds;
  }
  meter_.end();
  if (!options_.keep) store(true);

  const double seconds = meter_.window_seconds();
  report.count("topics", "retained topics", options_.count);
  report.number("stored_per_s", "stored per second (QoS 1)",
                static_cast<double>(options_.count) / store_seconds, 0);
  report.count("rounds", "replays", rounds);
  report.count("delivered", "delivered in all replays", received);
  report.count("least", "delivered in the worst replay", least);
  report.number("delivered_per_s", "delivered per second", static_cast<double>(received) / seconds,
                0);
  report.number("replay_ms", "one replay",
                1e3 * seconds / static_cast<double>(std::max<std::uint64_t>(rounds, 1)), 1, "ms");
  meter_.add_cpu(report, received);
  add_growth(report, "topic", before, after, options_.count);
  report.count("lost", "lost", rounds * options_.count - received);
  return least == options_.count ? 0 : 1;
}

}  // namespace

Result<int> run_retained(const Options& options, Report& report) {
  return RetainedRun(options).run(report);
}

}  // namespace roost::cli::bench
