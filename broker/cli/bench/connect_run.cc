// SPDX-License-Identifier: Apache-2.0
// connect: opens many connections as fast as the broker takes them, from many source addresses,
// then holds them idle and looks at the broker's memory.
#include <unistd.h>

#include <memory>
#include <vector>

#include "broker/cli/bench/drive.h"
#include "broker/cli/bench/histogram.h"
#include "broker/cli/bench/link.h"
#include "broker/cli/bench/meter.h"
#include "broker/cli/bench/modes.h"

namespace roost::cli::bench {
namespace {

constexpr std::uint32_t kConnectionsPerSource = 1000;
constexpr std::uint32_t kFirstSource = 2;  // 127.0.0.1 is everybody's
constexpr double kPatienceSeconds = 10;

struct ConnectCounts {
  std::uint64_t ready = 0, lost = 0;
  Histogram latency_ns;
  std::string trouble;
};

class IdleLink final : public Link {
 public:
  IdleLink(Loop& loop, const LinkSettings& settings, std::string client_id, ConnectCounts& counts)
      : Link(loop, settings, std::move(client_id)), counts_(counts) {}

  void start(std::uint32_t source) {
    begun_ns_ = clock_ns();
    open(true, source);
  }

 private:
  void on_ready(const mqtt::Connack&) override {
    ++counts_.ready;
    counts_.latency_ns.add(clock_ns() - begun_ns_);
  }
  void on_frame(const mqtt::Frame&) override {}
  void on_lost(std::string_view why) override {
    ++counts_.lost;
    counts_.trouble = why;
  }

  ConnectCounts& counts_;
  std::uint64_t begun_ns_ = 0;
};

}  // namespace

Result<int> run_connect(const Options& options, Report& report) {
  auto target = resolve(options);
  if (!target) return Unexpected(std::move(target).error());
  const LinkSettings settings{*target, options.version, options.user_name, options.password};
  const std::uint32_t sources =
      options.sources > 0 ? options.sources
                          : static_cast<std::uint32_t>(options.count / kConnectionsPerSource + 1);
  const bool loopback = options.host == "127.0.0.1" || options.host == "localhost";
  Meter meter(options.pid);
  ConnectCounts counts;
  Loop loop(64 * 1024);
  Drive drive(options, loop);
  std::vector<std::unique_ptr<IdleLink>> links;
  links.reserve(options.count);
  const std::string name = "bench-" + std::to_string(getpid()) + "-idle-";
  const auto before = meter.sample();
  meter.begin();
  const auto open_more = [&] {
    while (links.size() < options.count &&
           links.size() - counts.ready - counts.lost < options.concurrency) {
      const auto n = static_cast<std::uint32_t>(links.size());
      links.push_back(std::make_unique<IdleLink>(loop, settings, name + std::to_string(n), counts));
      links.back()->start(loopback ? kFirstSource + n % sources : 0);
    }
  };
  drive.until(
      "connecting", kPatienceSeconds, [&] { return counts.ready; },
      [&] { return counts.ready + counts.lost >= options.count; }, open_more);
  meter.end();
  const std::uint64_t connected = counts.ready;
  if (options.idle_seconds > 0) {
    const std::uint64_t until_ns =
        clock_ns() + static_cast<std::uint64_t>(options.idle_seconds * 1e9);
    drive.until(
        "idle", options.idle_seconds + 1, [&] { return counts.ready - counts.lost; },
        [&] { return clock_ns() >= until_ns; });
  }
  const auto after = meter.sample();
  const double seconds = meter.window_seconds();
  report.count("connections", "connections", connected);
  report.count("lost_links", "refused or lost", counts.lost);
  report.number("connects_per_s", "connects per second", static_cast<double>(connected) / seconds,
                0);
  report.number("connect_p50_us", "connect p50",
                static_cast<double>(counts.latency_ns.percentile(50)) / 1e3, 0, "us");
  report.number("connect_p99_us", "connect p99",
                static_cast<double>(counts.latency_ns.percentile(99)) / 1e3, 0, "us");
  meter.add_cpu(report, connected);
  add_growth(report, "connection", before, after, connected);
  if (!counts.trouble.empty()) report.text("trouble", "last trouble", counts.trouble);
  for (const auto& link : links) link->close();
  return connected == options.count && counts.lost == 0 ? 0 : 1;
}

}  // namespace roost::cli::bench
