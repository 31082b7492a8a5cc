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
constexpr double kPatienceSeconds = 30;    // thousands of TLS handshakes take a generator as long

struct ConnectCounts {
  std::uint64_t ready = 0, lost = 0, resumed = 0;
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
    if (tls() != nullptr && tls()->was_resumed()) ++counts_.resumed;
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

Result<void> keep_sessions(const std::string& path,
                           const std::vector<std::unique_ptr<IdleLink>>& links) {
  std::vector<SessionPtr> sessions;
  for (const auto& link : links) {
    if (link->tls() == nullptr) continue;
    if (auto session = link->tls()->session(); session != nullptr) {
      sessions.push_back(std::move(session));
    }
  }
  return save_sessions(path, sessions);
}

// How all links get in.
struct Way {
  LinkSettings link;
  std::unique_ptr<SecureSettings> tls;
  std::vector<SessionPtr> sessions;  // link i resumes number i
};

Result<Way> prepare(const Options& options) {
  auto target = resolve(options);
  if (!target) return Unexpected(std::move(target).error());
  Way way;
  way.link = {*target, options.version, options.user_name, options.password};
  if (!options.tls) return way;
  auto tls = SecureSettings::make(options.ca_file);
  if (!tls) return Unexpected(std::move(tls).error());
  way.tls = *std::move(tls);
  way.link.tls = way.tls.get();
  if (options.tickets_file.empty()) return way;
  auto sessions = load_sessions(options.tickets_file);
  if (!sessions) return Unexpected(std::move(sessions).error());
  way.sessions = *std::move(sessions);
  return way;
}

}  // namespace

Result<int> run_connect(const Options& options, Report& report) {
  auto way = prepare(options);
  if (!way) return Unexpected(std::move(way).error());
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
      links.push_back(
          std::make_unique<IdleLink>(loop, way->link, name + std::to_string(n), counts));
      if (n < way->sessions.size()) links.back()->resume(std::move(way->sessions[n]));
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
  report.number("all_in_s", "until all were in", seconds, 2, "s");
  if (options.tls) report.count("resumed", "resumed by ticket", counts.resumed);
  report.number("connects_per_s", "connects per second", static_cast<double>(connected) / seconds,
                0);
  report.number("connect_p50_us", "connect p50",
                static_cast<double>(counts.latency_ns.percentile(50)) / 1e3, 0, "us");
  report.number("connect_p99_us", "connect p99",
                static_cast<double>(counts.latency_ns.percentile(99)) / 1e3, 0, "us");
  meter.add_cpu(report, connected);
  add_growth(report, "connection", before, after, connected);
  if (!counts.trouble.empty()) report.text("trouble", "last trouble", counts.trouble);
  if (!options.tickets_file.empty()) {
    if (auto kept = keep_sessions(options.tickets_file, links); !kept) {
      return Unexpected(kept.error());
    }
  }
  for (const auto& link : links) link->close();
  return connected == options.count && counts.lost == 0 ? 0 : 1;
}

}  // namespace roost::cli::bench
