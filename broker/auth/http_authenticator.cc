// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/http_authenticator.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "broker/auth/answer_cache.h"
#include "broker/auth/http_auth_message.h"
#include "broker/auth/request_identity.h"

namespace roost::auth {

namespace {

using mqtt::ReasonCode;

void count(std::atomic<std::uint64_t>& counter, std::uint64_t times = 1) {
  counter.fetch_add(times, std::memory_order_relaxed);
}

void wipe(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

const AuthResult kStopping{ReasonCode::server_shutting_down, "the broker is stopping"};
const AuthResult kBusy{ReasonCode::server_busy, "too many clients wait for their authentication"};

// Absent and empty are not the same.
std::string marked(const std::optional<std::string>& text) {
  return text ? "=" + *text : std::string();
}

}  // namespace

struct HttpAuthenticator::Inside : std::enable_shared_from_this<Inside> {
  // A question that is under way, and who waits for its answer.
  struct Flight {
    Identity identity;
    std::string user_name;
    std::vector<Answer> waiting;
  };

  Inside(HttpAuthSettings s, WebCaller& w, const Clock& c, Log& l)
      : settings(std::move(s)),
        caller(w),
        clock(c),
        log(l),
        allowed(settings.cache_entries_max),
        denied(settings.cache_entries_max) {}

  Digest digest_of(const AuthRequest& request, const Identity& identity) const;
  // The answer, where it is known at once. Else `answer` waits, and `is_new` says whether the
  // question is to be asked.
  std::optional<AuthResult> look_up(const Digest& digest, const AuthRequest& request,
                                    const Identity& identity, Answer& answer, bool& is_new);
  void ask(const Digest& digest, const AuthRequest& request, const Identity& identity);
  void take(const Digest& digest, const Result<WebAnswer>& answer);
  void count_result(const AuthResult& result, std::uint64_t times);
  // Require that the mutex is held.
  AuthResult judge(const Digest& digest, const Flight& flight, const Result<WebAnswer>& answer);
  AuthResult judge_away(const Error& why);

  const HttpAuthSettings settings;
  WebCaller& caller;
  const Clock& clock;
  Log& log;
  HttpAuthCounters counters;
  const DigestKey key;

  std::mutex mutex;  // guards all that follows
  bool is_stopping = false;
  bool is_away = false;  // the last question got no answer
  AnswerCache allowed, denied;
  std::unordered_map<Digest, Flight, DigestHash> flights;
};

Digest HttpAuthenticator::Inside::digest_of(const AuthRequest& request,
                                            const Identity& identity) const {
  const std::string user = marked(request.user_name);
  std::string password = marked(request.password);
  const Digest digest = key.digest({request.client_id, user, password, identity.listener,
                                    identity.address, identity.certificate_common_name});
  wipe(password);
  return digest;
}

std::optional<AuthResult> HttpAuthenticator::Inside::look_up(const Digest& digest,
                                                             const AuthRequest& request,
                                                             const Identity& identity,
                                                             Answer& answer, bool& is_new) {
  const SteadyMs now_ms = clock.steady_ms();
  const std::lock_guard lock(mutex);
  if (is_stopping) return kStopping;
  const AuthResult* known = allowed.find(digest, now_ms);
  if (known == nullptr) known = denied.find(digest, now_ms);
  if (known != nullptr) {
    count(counters.cache_hits);
    count_result(*known, 1);
    return *known;
  }
  if (counters.pending.load(std::memory_order_relaxed) >= settings.max_pending) {
    count(counters.refused_busy);
    return kBusy;
  }
  const auto [place, added] = flights.try_emplace(digest);
  is_new = added;
  if (added) {
    place->second.identity = identity;
    place->second.user_name = request.user_name.value_or(std::string());
  } else {
    count(counters.shared);
  }
  place->second.waiting.push_back(std::move(answer));
  count(counters.pending);
  return std::nullopt;
}

void HttpAuthenticator::Inside::ask(const Digest& digest, const AuthRequest& request,
                                    const Identity& identity) {
  WebRequest question;
  question.method = "POST";
  question.url = settings.url;
  question.headers = settings.headers;
  question.headers.emplace_back("Content-Type", "application/json");
  question.headers.emplace_back("Accept", "application/json");
  question.body = http_auth_question(request, identity.address);
  count(counters.questions);
  caller.send(std::move(question),
              [self = shared_from_this(), digest](const Result<WebAnswer>& answer) {
                self->take(digest, answer);
              });
}

void HttpAuthenticator::Inside::take(const Digest& digest, const Result<WebAnswer>& answer) {
  std::vector<Answer> waiting;
  AuthResult result;
  {
    const std::lock_guard lock(mutex);
    const auto found = flights.find(digest);
    if (found == flights.end()) return;  // stopped
    result = judge(digest, found->second, answer);
    waiting = std::move(found->second.waiting);
    flights.erase(found);
    counters.pending.fetch_sub(waiting.size(), std::memory_order_relaxed);
  }
  count_result(result, waiting.size());
  for (const Answer& one : waiting) one(result);
}

AuthResult HttpAuthenticator::Inside::judge(const Digest& digest, const Flight& flight,
                                            const Result<WebAnswer>& answer) {
  if (!answer) return judge_away(answer.error());
  if (answer->status != 200) {
    return judge_away({ErrorKind::unavailable, "status " + std::to_string(answer->status)});
  }
  auto read = read_http_auth_answer(answer->body, flight.user_name);
  if (!read) return judge_away(read.error());
  if (std::exchange(is_away, false))
    log.write(LogLevel::info, "the authentication service is back");
  const SteadyMs now_ms = clock.steady_ms();
  if (read->result != HttpAuthResult::allow) {
    AuthResult refused{ReasonCode::not_authorized, "the authentication service denies it"};
    if (read->result == HttpAuthResult::ignore) {
      refused.is_unknown = true;
      refused.reason = "the authentication service doesn't know the client";
    }
    if (settings.deny_ttl_s > 0) {
      denied.remember(digest, refused, now_ms + SteadyMs{settings.deny_ttl_s} * 1000);
    }
    return refused;
  }
  auto identity = std::make_shared<Identity>(flight.identity);
  identity->user_name = std::move(read->identity.user_name);
  identity->groups = std::move(read->identity.groups);
  identity->own_rules = std::move(read->identity.own_rules);
  std::uint64_t ttl_s = settings.cache_ttl_s;
  if (read->expires_in_s > 0) {
    identity->expires_at_s =
        static_cast<std::uint64_t>(clock.wall_ms()) / 1000 + read->expires_in_s;
    ttl_s = std::min(ttl_s, read->expires_in_s);
  }
  AuthResult in;
  in.identity = std::move(identity);
  if (ttl_s > 0) allowed.remember(digest, in, now_ms + static_cast<SteadyMs>(ttl_s) * 1000);
  return in;
}

AuthResult HttpAuthenticator::Inside::judge_away(const Error& why) {
  if (!std::exchange(is_away, true)) {
    log.write(LogLevel::warn, "the authentication service gives no answer: " + why.message);
  }
  AuthResult result{ReasonCode::server_unavailable, "the authentication service is away"};
  if (why.kind == ErrorKind::resource_exhausted) result.code = ReasonCode::server_busy;
  result.is_unknown = settings.when_away == WhenAway::ignore;
  return result;
}

void HttpAuthenticator::Inside::count_result(const AuthResult& result, std::uint64_t times) {
  if (result.code == ReasonCode::success) {
    count(counters.accepted, times);
  } else if (result.code != ReasonCode::not_authorized) {
    count(counters.away, times);
  } else {
    count(result.is_unknown ? counters.ignored : counters.denied, times);
  }
}

HttpAuthenticator::HttpAuthenticator(HttpAuthSettings settings, WebCaller& caller,
                                     const Clock& clock, Log& log)
    : inside_(std::make_shared<Inside>(std::move(settings), caller, clock, log)) {}

HttpAuthenticator::~HttpAuthenticator() { stop(); }

void HttpAuthenticator::authenticate(AuthRequest request, Answer answer) {
  const Identity identity = identity_of(request);
  const Digest digest = inside_->digest_of(request, identity);
  bool is_new = false;
  const auto known = inside_->look_up(digest, request, identity, answer, is_new);
  if (is_new) inside_->ask(digest, request, identity);
  if (request.password) wipe(*request.password);
  if (known) answer(*known);
}

void HttpAuthenticator::forget() {
  const std::lock_guard lock(inside_->mutex);
  inside_->allowed.clear();
  inside_->denied.clear();
}

void HttpAuthenticator::stop() {
  std::unordered_map<Digest, Inside::Flight, DigestHash> flights;
  {
    const std::lock_guard lock(inside_->mutex);
    inside_->is_stopping = true;
    flights.swap(inside_->flights);
  }
  for (const auto& [digest, flight] : flights) {
    inside_->counters.pending.fetch_sub(flight.waiting.size(), std::memory_order_relaxed);
    for (const Answer& answer : flight.waiting) answer(kStopping);
  }
}

const HttpAuthCounters& HttpAuthenticator::counters() const { return inside_->counters; }

}  // namespace roost::auth
