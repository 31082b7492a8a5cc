// SPDX-License-Identifier: Apache-2.0
// verify: every acknowledged message accounted for at every subscriber, whatever happens to the
// nodes meanwhile.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>

#include "broker/base/hash.h"
#include "broker/cli/bench/meter.h"
#include "broker/cli/bench/modes.h"
#include "broker/cli/bench/verify_publisher.h"
#include "broker/cli/bench/verify_subscriber.h"
#include "broker/client/url.h"

namespace roost::cli::bench {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kTurnNs = 1'000'000;
constexpr std::uint64_t kSetupNs = 60 * kSecondNs;
constexpr std::uint64_t kForgetNs = 2 * kSecondNs;
constexpr std::uint64_t kCompleteEveryNs = kSecondNs / 10;
constexpr std::uint64_t kAwayMostNs = kSecondNs / 5;
constexpr std::uint64_t kFailuresMost = 3;  // of each client at each address, before its first

class VerifyRun {
 public:
  explicit VerifyRun(const Options& options)
      : options_(options),
        shared_(options),
        loop_(std::max<std::size_t>(256 * 1024, 4 * std::size_t{options.payload_bytes})),
        meter_(options.pid),
        random_(options.seed) {}

  Result<int> run(Report& report);

 private:
  Result<void> find_targets();
  void make_clients();
  Result<void> connect();
  void publish();
  void drain();
  void forget();
  // One turn of everybody; a line when a second has passed.
  void turn(const char* what);
  void say(const char* what);
  void cut_some();
  std::uint64_t ready() const;
  bool is_settled() const;
  void fill(Report& report, const Verdict& verdict) const;
  void fill_recoveries(Report& report, const Verdict& verdict) const;
  template <typename Call>
  void each(Call call) const {
    for (const auto& one : publishers_) call(static_cast<VerifyClient&>(*one));
    for (const auto& one : subscribers_) call(static_cast<VerifyClient&>(*one));
  }

  const Options& options_;
  VerifyShared shared_;
  Loop loop_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<std::unique_ptr<VerifyPublisher>> publishers_;
  std::vector<std::unique_ptr<VerifySubscriber>> subscribers_;
  Meter meter_;
  std::mt19937_64 random_;
  std::uint64_t marks_seen_ = marks_requested();
  std::uint64_t next_cut_ns_ = 0;
  std::uint64_t start_ns_ = clock_ns();
  std::uint64_t line_ns_ = start_ns_, line_sent_ = 0, line_received_ = 0;
};

Result<void> VerifyRun::find_targets() {
  shared_.link.version = options_.version;
  shared_.link.user_name = options_.user_name;
  shared_.link.password = options_.password;
  shared_.link.keep_alive_s = static_cast<std::uint16_t>(options_.silence_seconds * 2 + 1);
  Options one = options_;
  for (const std::string& text : options_.urls) {
    const auto url = client::parse_url(text);
    if (!url) return Unexpected(url.error());
    if (url->transport != client::Transport::tcp) {
      return error(ErrorKind::invalid_argument, text + ": verify speaks mqtt:// only");
    }
    one.host = url->host;
    one.port = url->port;
    if (url->user_name) shared_.link.user_name = *url->user_name;
    if (url->password) shared_.link.password = *url->password;
    auto target = resolve(one);
    if (!target) return Unexpected(std::move(target).error());
    shared_.targets.push_back(*target);
  }
  if (!options_.urls.empty()) return {};
  auto target = resolve(options_);
  if (!target) return Unexpected(std::move(target).error());
  shared_.targets.push_back(*target);
  return {};
}

void VerifyRun::make_clients() {
  shared_.run =
      static_cast<std::uint32_t>(mix64(clock_ns() ^ static_cast<std::uint64_t>(getpid())));
  shared_.name = "verify-" + std::to_string(shared_.run);
  shared_.topic_root = options_.topic_prefix + "/verify";
  std::vector<std::uint8_t> qos_of;
  for (std::uint32_t i = 0; i < options_.publishers; ++i) {
    qos_of.push_back(options_.is_mixed ? static_cast<std::uint8_t>(1 + i % 2) : options_.qos);
    publishers_.push_back(std::make_unique<VerifyPublisher>(loop_, shared_, i, qos_of.back()));
  }
  for (std::uint32_t i = 0; i < options_.subscribers; ++i) {
    subscribers_.push_back(std::make_unique<VerifySubscriber>(loop_, shared_, i));
  }
  ledger_ = std::make_unique<Ledger>(qos_of, options_.topics, options_.subscribers);
  shared_.ledger = ledger_.get();
}

std::uint64_t VerifyRun::ready() const {
  std::uint64_t count = 0;
  each([&](const VerifyClient& client) { count += client.is_ready() ? 1 : 0; });
  return count;
}

Result<void> VerifyRun::connect() {
  const std::uint64_t clients = publishers_.size() + subscribers_.size();
  const std::uint64_t failures_max = kFailuresMost * clients * shared_.targets.size();
  const auto is_there = [&] {
    return std::all_of(publishers_.begin(), publishers_.end(),
                       [](const auto& one) { return one->was_ready(); }) &&
           std::all_of(subscribers_.begin(), subscribers_.end(),
                       [](const auto& one) { return one->is_subscribed(); });
  };
  while (!is_there()) {
    turn("connecting");
    const bool too_long = loop_.now_ns() - start_ns_ > kSetupNs;
    if (!too_long && shared_.failures <= failures_max && !stop_requested()) continue;
    return error(ErrorKind::unavailable,
                 std::to_string(ready()) + " of " + std::to_string(clients) + " connections" +
                     (shared_.last_trouble.empty() ? "" : ": " + shared_.last_trouble));
  }
  shared_.lost_links = 0;  // of addresses that weren't there
  return {};
}

void VerifyRun::turn(const char* what) {
  loop_.flush();
  loop_.turn(kTurnNs);
  const std::uint64_t now = loop_.now_ns();
  each([now](VerifyClient& client) { client.step(now); });
  if (const std::uint32_t marks = marks_requested(); marks != marks_seen_) {
    marks_seen_ = marks;
    ledger_->mark(now);
  }
  if (now - line_ns_ >= kSecondNs) say(what);
}

void VerifyRun::say(const char* what) {
  const double seconds = static_cast<double>(loop_.now_ns() - line_ns_) / 1e9;
  if (!options_.quiet) {
    std::fprintf(stderr, "%4.0f s  %-12s sent %9.0f/s  delivered %9.0f/s  ready %llu\n",
                 static_cast<double>(loop_.now_ns() - start_ns_) / 1e9, what,
                 static_cast<double>(ledger_->sent() - line_sent_) / seconds,
                 static_cast<double>(ledger_->received() - line_received_) / seconds,
                 static_cast<unsigned long long>(ready()));
  }
  line_ns_ = loop_.now_ns();
  line_sent_ = ledger_->sent();
  line_received_ = ledger_->received();
  for (const auto& one : publishers_) one->check_stall();
}

void VerifyRun::cut_some() {
  const std::uint64_t now = loop_.now_ns();
  if (options_.reconnect_ms == 0 || now < next_cut_ns_) return;
  next_cut_ns_ = now + options_.reconnect_ms * 1'000'000ULL;
  std::uint64_t wanted = random_() % (publishers_.size() + subscribers_.size());
  each([&](VerifyClient& client) {
    if (wanted-- == 0 && client.is_ready()) client.cut(now + random_() % kAwayMostNs);
  });
}

void VerifyRun::publish() {
  meter_.begin();
  const std::uint64_t end_ns = clock_ns() + static_cast<std::uint64_t>(options_.seconds * 1e9);
  const auto has_sent_all = [&] {
    return std::all_of(publishers_.begin(), publishers_.end(),
                       [](const auto& one) { return one->has_sent_all(); });
  };
  while (!stop_requested() && !has_sent_all()) {
    if (options_.messages == 0 && loop_.now_ns() >= end_ns) break;
    turn("measuring");
    for (const auto& one : publishers_) one->publish(loop_.now_ns());
    cut_some();
  }
  meter_.end();
  stop_requested() = false;  // a second signal ends the draining too
}

bool VerifyRun::is_settled() const {
  return std::all_of(publishers_.begin(), publishers_.end(),
                     [](const auto& one) { return one->is_settled(); });
}

// Until everything is acknowledged and has arrived, or nothing has for a while.
void VerifyRun::drain() {
  const auto patience_ns = static_cast<std::uint64_t>(options_.drain_seconds * 1e9);
  std::uint64_t seen = 0, seen_ns = loop_.now_ns(), looked_ns = 0;
  while (!stop_requested() && loop_.now_ns() - seen_ns < patience_ns) {
    turn("draining");
    const std::uint64_t progress = shared_.completed + ledger_->received();
    if (progress != seen) {
      seen = progress;
      seen_ns = loop_.now_ns();
    }
    if (!is_settled() || loop_.now_ns() - looked_ns < kCompleteEveryNs) continue;
    if (ledger_->is_complete()) break;
    looked_ns = loop_.now_ns();
  }
}

// The sessions end, so that no queue fills for them.
void VerifyRun::forget() {
  const std::uint64_t end_ns = clock_ns() + kForgetNs;
  each([](VerifyClient& client) { client.close(); });
  std::size_t next = 0;
  each([&](VerifyClient& client) {
    client.open_at(shared_.targets[next++ % shared_.targets.size()], true);
  });
  while (ready() < publishers_.size() + subscribers_.size() && clock_ns() < end_ns) {
    loop_.flush();
    loop_.turn(kTurnNs);
  }
  each([](VerifyClient& client) { client.close(); });
}

void VerifyRun::fill_recoveries(Report& report, const Verdict& verdict) const {
  std::vector<double> last_ms;
  std::uint32_t waiting = 0;
  for (const Recovery& one : verdict.recoveries) {
    last_ms.push_back(static_cast<double>(one.last_ns) / 1e6);
    waiting += one.waiting;
  }
  report.count("marks", "moments marked (SIGUSR1)", last_ms.size());
  if (last_ms.empty()) return;
  std::sort(last_ms.begin(), last_ms.end());
  report.number("recovery_ms_median", "until the last subscriber had one, median",
                last_ms[last_ms.size() / 2], 1, "ms");
  report.number("recovery_ms_max", "the same, worst", last_ms.back(), 1, "ms");
  report.number("recovery_first_ms", "until the first subscriber had one, last mark",
                static_cast<double>(verdict.recoveries.back().first_ns) / 1e6, 1, "ms");
  report.count("recovery_missing", "subscribers that had none", waiting);
}

void VerifyRun::fill(Report& report, const Verdict& verdict) const {
  report.count("publishers", "publishers", publishers_.size());
  report.count("subscribers", "subscribers", subscribers_.size());
  report.number("seconds", "published for", meter_.window_seconds(), 2, "s");
  report.count("sent", "sent", verdict.sent);
  report.count("acknowledged", "acknowledged (PUBACK, PUBREC)", verdict.acknowledged);
  report.count("completed", "completed", shared_.completed);
  report.count("delivered_all", "delivered", verdict.received);
  report.count("lost", options_.qos == 0 ? "sent and lost" : "acknowledged and lost",
               verdict.lost + verdict.missing_qos0);
  report.count("duplicated", "delivered again",
               verdict.repeats[0] + verdict.repeats[1] + verdict.repeats[2]);
  report.count("repeats_qos1", "  of them at QoS 1", verdict.repeats[1]);
  report.count("repeats_qos2", "  of them at QoS 2", verdict.repeats[2]);
  report.count("reordered", "out of order", verdict.reordered);
  report.count("foreign", "messages of others", verdict.foreign);
  report.count("refused", "refused subscriptions and messages", shared_.refused);
  report.count("cuts", "connections cut on purpose", shared_.cuts);
  report.count("lost_links", "connections lost", shared_.lost_links);
  report.count("sessions_gone", "sessions not resumed", verdict.sessions_gone);
  report.number("ack_pause_ms", "longest wait for an acknowledgement",
                static_cast<double>(verdict.ack_pause_ns) / 1e6, 1, "ms");
  const auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  report.number("latency_p50_us", "latency p50", us(ledger_->latency().percentile(50)), 0, "us");
  report.number("latency_p99_us", "latency p99", us(ledger_->latency().percentile(99)), 0, "us");
  report.number("latency_max_us", "latency max", us(ledger_->latency().max()), 0, "us");
  fill_recoveries(report, verdict);
  meter_.add_cpu(report, verdict.received);
  if (!shared_.last_trouble.empty()) {
    report.text("trouble", "last trouble", shared_.last_trouble);
  }
  std::string examples;
  for (const std::string& one : verdict.examples) examples += (examples.empty() ? "" : "; ") + one;
  if (!examples.empty()) report.text("examples", "for example", examples);
}

Result<int> VerifyRun::run(Report& report) {
  if (auto ok = find_targets(); !ok) return Unexpected(ok.error());
  make_clients();
  if (auto ok = connect(); !ok) return Unexpected(ok.error());
  publish();
  drain();
  const Verdict verdict = ledger_->verdict(loop_.now_ns());
  fill(report, verdict);
  if (!options_.keep) forget();
  return verdict.is_broken() ? 1 : 0;
}

}  // namespace

Result<int> run_verify(const Options& options, Report& report) {
  return VerifyRun(options).run(report);
}

}  // namespace roost::cli::bench
