// SPDX-License-Identifier: Apache-2.0
// fan-in, fan-out, pairs, shared, wildcards: connect, subscribe, warm up, measure,
// drain, account.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "broker/base/hash.h"
#include "broker/cli/bench/meter.h"
#include "broker/cli/bench/modes.h"
#include "broker/cli/bench/worker.h"

namespace roost::cli::bench {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr double kSetupSeconds = 120;

class FlowRun {
 public:
  explicit FlowRun(const Options& options)
      : options_(options), flow_(options), meter_(options.pid) {}

  Result<int> run(Report& report);

 private:
  struct Counts {
    std::uint64_t at_ns = 0, sent = 0, delivered = 0;
  };

  Result<void> set_up();
  Result<void> wait_for(Counter Tally::*counter, std::size_t wanted, const char* what);
  void measure();
  void drain();
  // Sleeps a little; prints a line when a second has passed. False once stopped.
  bool tick(const char* what);
  bool all_sent() const;
  Counts counts() const;
  void fill(Report& report, std::uint64_t lost);
  void join();

  const Options& options_;
  Flow flow_;
  Meter meter_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::optional<ProcessSample> before_subscribe_, after_subscribe_;
  Counts begin_, end_, last_line_;
  std::uint64_t start_ns_ = clock_ns();
};

Result<void> FlowRun::set_up() {
  auto target = resolve(options_);
  if (!target) return Unexpected(std::move(target).error());
  flow_.use({*target, options_.version, options_.user_name, options_.password});
  target = resolve(options_, options_.subscriber_port);
  if (!target) return Unexpected(std::move(target).error());
  flow_.subscriber_link.target = *target;
  flow_.run = static_cast<std::uint32_t>(mix64(clock_ns() ^ static_cast<std::uint64_t>(getpid())));
  flow_.name = "bench-" + std::to_string(flow_.run % 100'000);
  flow_.plan = make_plan(options_);
  for (std::uint32_t i = 0; i < options_.threads; ++i) {
    flow_.tallies.push_back(std::make_unique<Tally>(flow_.plan.publishers.size()));
  }
  for (std::uint32_t i = 0; i < options_.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(flow_, i));
  }
  for (const auto& worker : workers_) threads_.emplace_back([&worker] { worker->run(); });
  const std::size_t links = flow_.plan.publishers.size() + flow_.plan.subscribers.size();
  if (auto ok = wait_for(&Tally::ready, links, "connections"); !ok) return ok;
  before_subscribe_ = meter_.sample();
  flow_.phase = Phase::subscribe;
  auto ok = wait_for(&Tally::subscribed, flow_.plan.subscribers.size(), "subscribers");
  after_subscribe_ = meter_.sample();
  return ok;
}

Result<void> FlowRun::wait_for(Counter Tally::*counter, std::size_t wanted, const char* what) {
  const std::uint64_t begin = clock_ns();
  while (flow_.sum(counter) < wanted) {
    const bool too_long =
        clock_ns() - begin > static_cast<std::uint64_t>(kSetupSeconds) * kSecondNs;
    const bool lost = flow_.sum(&Tally::lost_links) > 0;
    if (!lost && !too_long && tick(what)) continue;
    join();
    std::string why =
        std::to_string(flow_.sum(counter)) + " of " + std::to_string(wanted) + " " + what;
    for (const auto& tally : flow_.tallies) {
      if (!tally->last_trouble.empty()) why += ": " + tally->last_trouble;
    }
    return error(ErrorKind::unavailable, why);
  }
  return {};
}

FlowRun::Counts FlowRun::counts() const {
  return {clock_ns(), flow_.sum(&Tally::sent), flow_.sum(&Tally::delivered)};
}

bool FlowRun::tick(const char* what) {
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (last_line_.at_ns == 0) last_line_ = counts();
  if (clock_ns() - last_line_.at_ns < kSecondNs) return !stop_requested();
  const Counts now = counts();
  const double seconds = static_cast<double>(now.at_ns - last_line_.at_ns) / 1e9;
  if (!options_.quiet) {
    std::fprintf(stderr, "%4.0f s  %-12s sent %9.0f/s  delivered %9.0f/s  ready %llu\n",
                 static_cast<double>(now.at_ns - start_ns_) / 1e9, what,
                 static_cast<double>(now.sent - last_line_.sent) / seconds,
                 static_cast<double>(now.delivered - last_line_.delivered) / seconds,
                 static_cast<unsigned long long>(flow_.sum(&Tally::ready)));
  }
  last_line_ = now;
  return !stop_requested();
}

bool FlowRun::all_sent() const {
  return options_.messages > 0 &&
         flow_.sum(&Tally::completed) >= options_.messages * flow_.plan.publishers.size();
}

void FlowRun::measure() {
  flow_.phase = Phase::publish;
  const auto warm_ns = clock_ns() + static_cast<std::uint64_t>(options_.warmup_seconds * 1e9);
  while (clock_ns() < warm_ns && !all_sent() && tick("warming up")) {
  }
  flow_.measuring = true;
  meter_.begin();
  begin_ = counts();
  const auto end_ns = begin_.at_ns + static_cast<std::uint64_t>(options_.seconds * 1e9);
  while ((options_.messages > 0 || clock_ns() < end_ns) && !all_sent() && tick("measuring")) {
  }
  end_ = counts();
  meter_.end();
  flow_.measuring = false;
}

// Until everything has arrived, or nothing has for a while.
void FlowRun::drain() {
  flow_.phase = Phase::drain;
  std::uint64_t seen = 0;
  std::uint64_t seen_ns = clock_ns();
  const auto patience_ns = static_cast<std::uint64_t>(options_.drain_seconds * 1e9);
  while (clock_ns() - seen_ns < patience_ns && tick("draining")) {
    std::uint64_t wanted = 0;
    std::uint64_t arrived = 0;
    for (std::size_t i = 0; i < flow_.plan.publishers.size(); ++i) arrived += flow_.arrived(i);
    const std::uint64_t sent = flow_.sum(&Tally::sent);
    const auto receivers = flow_.plan.publishers.front().receivers;
    wanted = sent * receivers;
    const std::uint64_t progress = arrived + flow_.sum(&Tally::completed) +
                                   flow_.sum(&Tally::duplicates) + flow_.sum(&Tally::reordered);
    if (progress != seen) {
      seen = progress;
      seen_ns = clock_ns();
    }
    if (arrived >= wanted && flow_.sum(&Tally::completed) >= sent) break;
  }
}

void FlowRun::join() {
  flow_.phase = Phase::end;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void FlowRun::fill(Report& report, std::uint64_t lost) {
  const double seconds = meter_.window_seconds();
  const std::uint64_t delivered = end_.delivered - begin_.delivered;
  report.count("publishers", "publishers", flow_.plan.publishers.size());
  report.count("subscribers", "subscribers", flow_.plan.subscribers.size());
  report.count("window", "window per publisher", options_.rate > 0 ? 0 : options_.window);
  report.number("seconds", "measured", seconds, 2, "s");
  report.number("sent_per_s", "sent per second",
                static_cast<double>(end_.sent - begin_.sent) / seconds, 0);
  report.number("delivered_per_s", "delivered per second", static_cast<double>(delivered) / seconds,
                0);
  report.count("delivered", "delivered while measured", delivered);
  Histogram latency;
  for (const auto& worker : workers_) latency.merge(worker->latency());
  const auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  report.number("latency_p50_us", "latency p50", us(latency.percentile(50)), 0, "us");
  report.number("latency_p99_us", "latency p99", us(latency.percentile(99)), 0, "us");
  report.number("latency_max_us", "latency max", us(latency.max()), 0, "us");
  meter_.add_cpu(report, delivered);
  if (options_.mode == Mode::wildcards) {
    report.count("filters", "filters", options_.count);
    add_growth(report, "filter", before_subscribe_, after_subscribe_, options_.count);
  }
  report.count("sent", "sent in all", flow_.sum(&Tally::sent));
  report.count("completed", "completed (acknowledged)", flow_.sum(&Tally::completed));
  report.count("delivered_all", "delivered in all", flow_.sum(&Tally::delivered));
  report.count("lost", "lost", lost);
  report.count("duplicated", "duplicated", flow_.sum(&Tally::duplicates));
  report.count("reordered", "reordered", flow_.sum(&Tally::reordered));
  report.count("foreign", "messages of others", flow_.sum(&Tally::foreign));
  report.count("refused", "refused subscriptions and messages", flow_.sum(&Tally::refused));
  report.count("lost_links", "connections lost", flow_.sum(&Tally::lost_links));
  for (const auto& tally : flow_.tallies) {
    if (!tally->last_trouble.empty()) report.text("trouble", "last trouble", tally->last_trouble);
  }
}

Result<int> FlowRun::run(Report& report) {
  if (auto ok = set_up(); !ok) return Unexpected(ok.error());
  measure();
  drain();
  join();
  std::vector<std::uint64_t> sent(flow_.plan.publishers.size());
  for (const auto& worker : workers_) worker->add_sent(sent);
  std::uint64_t lost = 0;
  for (const auto& worker : workers_) lost += worker->lost(sent);
  fill(report, lost);
  const std::uint64_t duplicated = flow_.sum(&Tally::duplicates);
  const bool broken = (options_.qos > 0 && lost > 0) || (options_.qos == 2 && duplicated > 0);
  return broken ? 1 : 0;
}

}  // namespace

Result<int> run_flow(const Options& options, Report& report) {
  return FlowRun(options).run(report);
}

}  // namespace roost::cli::bench
