// SPDX-License-Identifier: Apache-2.0
#include "broker/server/span_export.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <iterator>

#include "broker/base/hash.h"

namespace roost::server {

namespace {

using Settings = SpanExportSettings;

constexpr std::chrono::milliseconds kTurn{50};
constexpr std::size_t kSpanBytes = 1200;  // without topic and client id, with room for escapes

// How long a span is at most, as JSON.
std::size_t bound_of(const observe::Span& span) {
  return kSpanBytes + 6 * (span.topic.size() + span.client_id.size());
}

// https://opentelemetry.io/docs/specs/otlp/#failures-1
bool is_retryable(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// {"partialSuccess": {"rejectedSpans": "3"}}; a number is as good.
std::uint64_t rejected_by(const std::string& body) {
  boost::json::error_code failed;
  const auto value = boost::json::parse(body, failed);
  if (failed || !value.is_object()) return 0;
  const auto* partial = value.as_object().if_contains("partialSuccess");
  if (partial == nullptr || !partial->is_object()) return 0;
  const auto* count = partial->as_object().if_contains("rejectedSpans");
  if (count == nullptr) return 0;
  if (count->is_int64())
    return static_cast<std::uint64_t>(std::max<std::int64_t>(count->as_int64(), 0));
  if (!count->is_string()) return 0;
  std::uint64_t number = 0;
  const auto& text = count->as_string();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

SpanExport::SpanExport(SpanExportSettings settings, observe::SpanQueue& queue, Log& log,
                       std::uint64_t seed)
    : settings_(std::move(settings)), queue_(queue), log_(log), random_(seed) {}

std::optional<std::string> SpanExport::take(SteadyMs now_ms, bool is_last) {
  const bool is_full = queue_.size() + ahead_.size() >= Settings::kBatchMax;
  // A last word goes at once; a retry waits for its time in any case.
  const bool is_retry = !batch_.empty();
  if (now_ms < next_ms_ && (is_retry || !(is_full || is_last))) return std::nullopt;
  if (!is_retry) {
    auto more = queue_.take(Settings::kBatchMax - ahead_.size());
    std::move(more.begin(), more.end(), std::back_inserter(ahead_));
    std::size_t bytes = 0, count = 0;
    while (count < ahead_.size() &&
           (count == 0 || bytes + bound_of(ahead_[count]) <= Settings::kBodyMax)) {
      bytes += bound_of(ahead_[count++]);
    }
    const auto end = ahead_.begin() + static_cast<std::ptrdiff_t>(count);
    batch_.assign(std::make_move_iterator(ahead_.begin()), std::make_move_iterator(end));
    ahead_.erase(ahead_.begin(), end);
  }
  next_ms_ = now_ms + settings_.interval_ms;
  if (batch_.empty()) return std::nullopt;
  ++queue_.counters().requests;
  return observe::otlp_json(settings_.resource, batch_);
}

void SpanExport::on_answer(SteadyMs now_ms, const Result<auth::WebAnswer>& answer) {
  if (!answer) {
    // Of a request that makes no sense the next one makes none either.
    if (answer.error().kind == ErrorKind::invalid_argument) {
      return refused(now_ms, batch_.size(), answer.error().message);
    }
    return retry(now_ms, 0, answer.error().message);
  }
  const std::string status = settings_.origin + " answers " + std::to_string(answer->status);
  if (answer->status / 100 == 2) {
    done(*answer);
  } else if (is_retryable(answer->status)) {
    retry(now_ms, SteadyMs{answer->retry_after_s} * 1000, status);
  } else {
    refused(now_ms, batch_.size(), status);
  }
}

void SpanExport::done(const auth::WebAnswer& answer) {
  const std::uint64_t all = batch_.size();
  const std::uint64_t rejected = std::min(rejected_by(answer.body), all);
  queue_.counters().exported += all - rejected;
  queue_.counters().refused += rejected;
  batch_.clear();
  retry_ms_ = Settings::kRetryMs;
  if (std::exchange(is_away_, false)) {
    log_.write(LogLevel::info, "otel: " + settings_.origin + " takes spans again");
  }
}

void SpanExport::retry(SteadyMs now_ms, SteadyMs asked_ms, const std::string& why) {
  ++queue_.counters().failures;
  // Half of it at least, so that nodes don't come in step.
  const SteadyMs jitter = static_cast<SteadyMs>(mix64(++random_) % 512) * retry_ms_ / 1024;
  const SteadyMs own_ms = retry_ms_ / 2 + jitter;
  next_ms_ = now_ms + std::clamp(asked_ms, own_ms, Settings::kRetryAfterMaxMs);
  retry_ms_ = std::min(retry_ms_ * 2, Settings::kRetryMaxMs);
  is_away_ = true;
  say(now_ms, "otel: spans wait: " + why);
}

void SpanExport::refused(SteadyMs now_ms, std::uint64_t spans, const std::string& why) {
  ++queue_.counters().failures;
  queue_.counters().refused += spans;
  batch_.clear();
  say(now_ms, "otel: " + std::to_string(spans) + " spans are refused: " + why);
}

void SpanExport::say(SteadyMs now_ms, const std::string& line) {
  if (said_ms_ && now_ms - *said_ms_ < Settings::kSayMs) return;
  said_ms_ = now_ms;
  log_.write(LogLevel::warn, line);
}

void SpanExport::give_up() {
  const auto queued = queue_.take(queue_.size());
  queue_.counters().at_end += batch_.size() + ahead_.size() + queued.size();
  batch_.clear();
  ahead_.clear();
}

SpanExporter::SpanExporter(SpanExport& what, auth::WebCaller& web, const Clock& clock,
                           std::string url, std::function<Result<WebHeaders>()> headers)
    : what_(what), web_(web), clock_(clock), url_(std::move(url)), headers_(std::move(headers)) {}

void SpanExporter::start() {
  thread_ = std::thread([this] { run(); });
}

void SpanExporter::stop(SteadyMs limit_ms) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->is_ending = true;
    shared_->end_ms = clock_.steady_ms() + limit_ms;
  }
  shared_->wake.notify_all();
  thread_.join();
}

void SpanExporter::run() {
  std::unique_lock lock(shared_->mutex);
  while (turn(lock)) {
    shared_->wake.wait_for(lock, kTurn, [this] { return shared_->answer.has_value(); });
  }
  what_.give_up();
}

// False: it is over.
bool SpanExporter::turn(std::unique_lock<std::mutex>& lock) {
  Shared& shared = *shared_;
  const SteadyMs now_ms = clock_.steady_ms();
  if (shared.answer) {
    shared.is_sending = false;
    what_.on_answer(now_ms, *std::exchange(shared.answer, std::nullopt));
  }
  if (shared.is_ending && (now_ms >= shared.end_ms || (!shared.is_sending && what_.is_idle()))) {
    return false;
  }
  if (shared.is_sending) return true;
  auto body = what_.take(now_ms, shared.is_ending);
  if (!body) return true;
  shared.is_sending = true;
  lock.unlock();  // the answer may come before send() is through
  auth::WebRequest request;
  request.method = "POST";
  request.url = url_;
  auto headers = headers_();
  if (!headers) {
    lock.lock();
    shared.answer = error(ErrorKind::unavailable, headers.error().message);
    return true;
  }
  request.headers = *std::move(headers);
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(*body);
  web_.send(std::move(request), [shared = shared_](Result<auth::WebAnswer> answer) {
    {
      const std::lock_guard guard(shared->mutex);
      shared->answer = std::move(answer);
    }
    shared->wake.notify_all();
  });
  lock.lock();
  return true;
}

}  // namespace roost::server
