// SPDX-License-Identifier: Apache-2.0
// Spans to an OTLP/HTTP collector: one request at a time, tried again where the collector is away
// or busy, as long as it takes; meanwhile the queue fills and then drops. Nobody but this thread
// waits for a collector.
// Thread: SpanExport: one at a time. SpanExporter: own thread.
// Owner: Otel.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker/auth/web_caller.h"
#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/observe/otlp_json.h"
#include "broker/observe/span_queue.h"
#include "broker/server/otel_check.h"

namespace roost::server {

struct SpanExportSettings {
  static constexpr std::size_t kBatchMax = 512;         // spans
  static constexpr std::size_t kBodyMax = 1024 * 1024;  // bytes; one span may be over it by itself
  static constexpr SteadyMs kRetryMs = 1000;            // doubled each time, jittered
  static constexpr SteadyMs kRetryMaxMs = 30'000;
  static constexpr SteadyMs kRetryAfterMaxMs = 300'000;  // a collector may ask for more
  static constexpr SteadyMs kSayMs = 60'000;             // between lines of the log

  SteadyMs interval_ms = 1000;  // a batch that isn't full waits for others
  observe::SpanResource resource;
  std::string origin;  // of the collector, for the log; no path
};

// What is sent when; pure.
class SpanExport {
 public:
  SpanExport(SpanExportSettings settings, observe::SpanQueue& queue, Log& log, std::uint64_t seed);

  // The body of the next request, if one is due; on_answer() follows. `is_last`: at once.
  std::optional<std::string> take(SteadyMs now_ms, bool is_last);
  void on_answer(SteadyMs now_ms, const Result<auth::WebAnswer>& answer);
  // Nothing is left.
  bool is_idle() const { return batch_.empty() && ahead_.empty() && queue_.size() == 0; }
  void give_up();  // what is left is counted

 private:
  void done(const auth::WebAnswer& answer);
  void retry(SteadyMs now_ms, SteadyMs asked_ms, const std::string& why);
  void refused(SteadyMs now_ms, std::uint64_t spans, const std::string& why);
  void say(SteadyMs now_ms, const std::string& line);

  const SpanExportSettings settings_;
  observe::SpanQueue& queue_;
  Log& log_;
  std::vector<observe::Span> batch_;  // on its way, or to be tried again
  std::vector<observe::Span> ahead_;  // taken, for the next batch
  SteadyMs next_ms_ = 0;
  SteadyMs retry_ms_ = SpanExportSettings::kRetryMs;
  std::optional<SteadyMs> said_ms_;
  bool is_away_ = false;  // said so
  std::uint64_t random_;
};

class SpanExporter {
 public:
  // `headers` is asked for those of each request, on this thread; an error is like a collector that
  // is away. All must outlive it.
  SpanExporter(SpanExport& what, auth::WebCaller& web, const Clock& clock, std::string url,
               std::function<Result<WebHeaders>()> headers);
  ~SpanExporter() { stop(0); }

  void start();
  // Sends what is left, for at most `limit_ms`, and ends; idempotent. The WebCaller ends after it.
  void stop(SteadyMs limit_ms);

 private:
  void run();
  bool turn(std::unique_lock<std::mutex>& lock);

  SpanExport& what_;
  auth::WebCaller& web_;
  const Clock& clock_;
  const std::string url_;
  const std::function<Result<WebHeaders>()> headers_;

  // Shared with answers, which may come when this is gone.
  struct Shared {
    std::mutex mutex;
    std::condition_variable wake;
    bool is_sending = false;
    std::optional<Result<auth::WebAnswer>> answer;
    bool is_ending = false;
    SteadyMs end_ms = 0;
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::thread thread_;
};

}  // namespace roost::server
