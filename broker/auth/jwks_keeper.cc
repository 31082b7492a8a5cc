// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwks_keeper.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "broker/base/check.h"

namespace roost::auth {

namespace {

constexpr SteadyMs kLongMs = 3'600'000;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

Result<Jwks> read_answer(const Result<WebAnswer>& answer) {
  if (!answer) return Unexpected(Error(answer.error()));
  if (answer->status != 200) {
    return error(ErrorKind::unavailable, "status " + std::to_string(answer->status));
  }
  return parse_jwks(answer->body);
}

}  // namespace

struct JwksKeeper::Inside : std::enable_shared_from_this<Inside> {
  Inside(JwksKeeperSettings s, WebCaller& w, Receiver r, const Clock& c, Log& l)
      : settings(std::move(s)), caller(w), receiver(std::move(r)), clock(c), log(l) {}

  SteadyMs step();
  SteadyMs due_ms() const;  // Requires: mutex is held
  void fetch();
  void take(const Result<WebAnswer>& answer);
  void report(const Result<Jwks>& jwks);  // Requires: mutex is held
  void run();

  const JwksKeeperSettings settings;
  WebCaller& caller;
  const Receiver receiver;
  const Clock& clock;
  Log& log;
  JwksCounters counters;

  mutable std::mutex mutex;  // guards all that follows
  std::condition_variable changed;
  bool is_stopping = false;
  bool is_fetching = false;
  bool is_hurried = false;
  bool is_away = false;              // the last fetch failed
  std::optional<SteadyMs> begun_ms;  // the last fetch
  std::optional<SteadyMs> success_ms;
  std::vector<std::string> left_out;  // that the log knows

  std::thread thread;
};

// The pause between two fetches holds after a failure too: no set yet, or an old one, is worth it.
SteadyMs JwksKeeper::Inside::due_ms() const {
  if (!begun_ms) return 0;
  const SteadyMs refresh_ms = SteadyMs{settings.refresh_s} * 1000;
  const SteadyMs pause_ms = is_hurried || is_away ? std::min(kJwksPauseMs, refresh_ms) : refresh_ms;
  return *begun_ms + pause_ms;
}

SteadyMs JwksKeeper::Inside::step() {
  {
    const std::lock_guard lock(mutex);
    if (is_stopping || is_fetching) return kLongMs;
    const SteadyMs now_ms = clock.steady_ms();
    const SteadyMs due = due_ms();
    if (begun_ms && now_ms < due) return due - now_ms;
    is_fetching = true;
    begun_ms = now_ms;
    if (std::exchange(is_hurried, false)) count(counters.hurried);
  }
  fetch();
  return kLongMs;
}

void JwksKeeper::Inside::fetch() {
  count(counters.fetches);
  WebRequest request;
  request.url = settings.url;
  request.headers = {{"Accept", "application/jwk-set+json, application/json"}};
  caller.send(std::move(request),
              [self = shared_from_this()](const Result<WebAnswer>& answer) { self->take(answer); });
}

void JwksKeeper::Inside::take(const Result<WebAnswer>& answer) {
  const auto jwks = read_answer(answer);
  const std::lock_guard lock(mutex);
  is_fetching = false;
  changed.notify_all();
  if (is_stopping) return;
  report(jwks);
  if (!jwks) return;
  const SteadyMs now_ms = clock.steady_ms();
  success_ms = now_ms;
  receiver(jwks->keys, now_ms + SteadyMs{settings.keys_max_age_s} * 1000);
}

// Of a long absence two lines, not one a fetch.
void JwksKeeper::Inside::report(const Result<Jwks>& jwks) {
  if (!jwks) {
    count(counters.failures);
    if (!std::exchange(is_away, true)) {
      log.write(LogLevel::warn, "no key set for tokens: " + jwks.error().message);
    }
    return;
  }
  if (std::exchange(is_away, false)) log.write(LogLevel::info, "the key set for tokens is back");
  if (jwks->left_out == left_out) return;
  left_out = jwks->left_out;
  for (const std::string& line : left_out) {
    log.write(LogLevel::warn, "the key set for tokens: left out: " + line);
  }
}

void JwksKeeper::Inside::run() {
  for (;;) {
    SteadyMs wait_ms = step();
    std::unique_lock lock(mutex);
    // What changed since step() is looked at again here: a wake-up may have come before.
    if (!is_fetching) wait_ms = std::max<SteadyMs>(due_ms() - clock.steady_ms(), 0);
    if (!is_stopping && wait_ms > 0) changed.wait_for(lock, std::chrono::milliseconds(wait_ms));
    if (is_stopping) return;
  }
}

JwksKeeper::JwksKeeper(JwksKeeperSettings settings, WebCaller& caller, Receiver receiver,
                       const Clock& clock, Log& log)
    : inside_(
          std::make_shared<Inside>(std::move(settings), caller, std::move(receiver), clock, log)) {
  CHECK(inside_->settings.refresh_s > 0);
}

JwksKeeper::~JwksKeeper() { stop(); }

void JwksKeeper::start() {
  inside_->thread = std::thread([inside = inside_.get()] { inside->run(); });
}

void JwksKeeper::stop() {
  {
    const std::lock_guard lock(inside_->mutex);
    inside_->is_stopping = true;
    inside_->changed.notify_all();
  }
  if (inside_->thread.joinable()) inside_->thread.join();
}

void JwksKeeper::hurry() {
  const std::lock_guard lock(inside_->mutex);
  if (std::exchange(inside_->is_hurried, true)) return;
  inside_->changed.notify_all();
}

SteadyMs JwksKeeper::step() { return inside_->step(); }

const JwksCounters& JwksKeeper::counters() const { return inside_->counters; }

std::optional<SteadyMs> JwksKeeper::age_ms() const {
  const std::lock_guard lock(inside_->mutex);
  if (!inside_->success_ms) return std::nullopt;
  return inside_->clock.steady_ms() - *inside_->success_ms;
}

}  // namespace roost::auth
