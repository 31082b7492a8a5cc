// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/jwt_authenticator.h"

#include <openssl/crypto.h>

#include <mutex>
#include <utility>

#include "broker/auth/jwks.h"
#include "broker/auth/workers.h"
#include "broker/base/file.h"

namespace roost::auth {

namespace {

using mqtt::ReasonCode;

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

void wipe(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

Result<JwtKeysPtr> alone(Result<JwtKey> key) {
  if (!key) return Unexpected(std::move(key).error());
  std::vector<JwtKey> keys;
  keys.push_back(std::move(key).value());
  return JwtKeysPtr(std::make_shared<const JwtKeys>(std::move(keys), false));
}

Result<JwtKeysPtr> secret_of(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return alone(make_secret_key(text));
}

Result<JwtKeysPtr> set_of(std::string_view text, const std::string& path, Log& log) {
  auto jwks = parse_jwks(text);
  if (!jwks) return Unexpected(std::move(jwks).error());
  for (const std::string& line : jwks->left_out) {
    log.write(LogLevel::warn, path + ": left out: " + line);
  }
  return jwks->keys;
}

Result<JwtKeysPtr> read_keys(const JwtAuthSettings& settings, Log& log) {
  auto text = base::read_file(settings.key_file, kJwksBytesMax);
  if (!text) return Unexpected(std::move(text).error());
  auto keys = settings.source == JwtKeySource::secret_file ? secret_of(*text)
              : settings.source == JwtKeySource::public_key_file
                  ? alone(read_public_key(*text))
                  : set_of(*text, settings.key_file, log);
  wipe(*text);
  if (keys) return keys;
  return error(keys.error().kind, settings.key_file + ": " + keys.error().message);
}

const AuthResult kBusy{ReasonCode::server_busy, "too many tokens are waiting"};
const AuthResult kStopping{ReasonCode::server_shutting_down, "the broker is stopping"};

const JwtKeysPtr& no_keys() {
  static const JwtKeysPtr kNone = std::make_shared<const JwtKeys>(std::vector<JwtKey>{}, true);
  return kNone;
}

}  // namespace

struct JwtAuthenticator::Inside {
  struct Held {
    JwtKeysPtr keys;
    std::string_view why_none;  // set: `keys` is the empty set
  };

  Inside(JwtAuthSettings s, JwtVerifier v, const Clock& c, Log& l)
      : settings(std::move(s)), verifier(std::move(v)), clock(c), log(l) {}

  Held held() const;
  JwtVerdict verify(const AuthRequest& request, const Held& held) const;
  void push(AuthRequest request, Held held, Answer answer);
  void finish(JwtVerdict verdict, AuthRequest request, const Answer& answer);
  void refuse(const AuthResult& result, AuthRequest request, const Answer& answer);

  const JwtAuthSettings settings;
  const JwtVerifier verifier;
  const Clock& clock;
  Log& log;
  std::function<void()> unknown_key;

  mutable std::mutex mutex;
  JwtKeysPtr keys;                                       // guarded by mutex
  SteadyMs valid_until_ms = JwtAuthenticator::kForever;  // guarded by mutex
  JwtCounters counters;
  std::unique_ptr<Workers> workers;  // null: HMAC, which needs none
  std::atomic<bool> stopping{false};
};

JwtAuthenticator::Inside::Held JwtAuthenticator::Inside::held() const {
  const SteadyMs now_ms = clock.steady_ms();
  const std::lock_guard lock(mutex);
  if (!keys) return {no_keys(), "the keys for tokens aren't there yet"};
  if (now_ms >= valid_until_ms) return {no_keys(), "the keys for tokens are too old"};
  return {keys, {}};
}

JwtVerdict JwtAuthenticator::Inside::verify(const AuthRequest& request, const Held& held) const {
  return verifier.verify(request, *held.keys, static_cast<std::uint64_t>(clock.wall_ms()) / 1000);
}

void JwtAuthenticator::Inside::push(AuthRequest request, Held held, Answer answer) {
  struct Check {
    AuthRequest request;
    Held held;
    Answer answer;
  };
  const auto check =
      std::make_shared<Check>(Check{std::move(request), std::move(held), std::move(answer)});
  Workers::Job job = [this, check](bool is_stopping) {
    counters.pending.fetch_sub(1, std::memory_order_relaxed);
    if (is_stopping) {
      refuse(kStopping, std::move(check->request), check->answer);
    } else {
      JwtVerdict verdict = verify(check->request, check->held);
      finish(std::move(verdict), std::move(check->request), check->answer);
    }
  };
  counters.pending.fetch_add(1, std::memory_order_relaxed);
  const Workers::Pushed pushed = workers->push(job);
  if (pushed == Workers::Pushed::queued) return;
  counters.pending.fetch_sub(1, std::memory_order_relaxed);
  if (pushed == Workers::Pushed::full) count(counters.refused_busy);
  refuse(pushed == Workers::Pushed::full ? kBusy : kStopping, std::move(check->request),
         check->answer);
}

void JwtAuthenticator::Inside::finish(JwtVerdict verdict, AuthRequest request,
                                      const Answer& answer) {
  switch (verdict.fault) {
    case JwtFault::none:
      count(counters.accepted);
      break;
    case JwtFault::not_a_token:
      count(counters.not_a_token);
      break;
    case JwtFault::expired:
      count(counters.refused_expired);
      break;
    case JwtFault::key:
      count(counters.refused_key);
      break;
    case JwtFault::claims:
      count(counters.refused_claims);
      break;
    case JwtFault::too_long:
    case JwtFault::algorithm:
    case JwtFault::signature:
      count(counters.refused_signature);
      break;
  }
  if (verdict.fault == JwtFault::none || verdict.fault == JwtFault::not_a_token) {
    if (request.password) wipe(*request.password);
    answer(std::move(verdict.result));
    return;
  }
  refuse(verdict.result, std::move(request), answer);
}

void JwtAuthenticator::Inside::refuse(const AuthResult& result, AuthRequest request,
                                      const Answer& answer) {
  count(counters.refused);
  if (request.password) wipe(*request.password);
  answer(result);
}

JwtAuthenticator::JwtAuthenticator(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

JwtAuthenticator::~JwtAuthenticator() { stop(); }

Result<std::unique_ptr<JwtAuthenticator>> JwtAuthenticator::open(JwtAuthSettings settings,
                                                                 const Clock& clock, Log& log) {
  auto verifier = JwtVerifier::make(settings.token);
  if (!verifier) return Unexpected(std::move(verifier).error());
  std::unique_ptr<JwtAuthenticator> made(new JwtAuthenticator(
      std::make_unique<Inside>(std::move(settings), std::move(verifier).value(), clock, log)));
  Inside& inside = *made->inside_;
  if (inside.settings.source != JwtKeySource::outside) {
    auto keys = read_keys(inside.settings, log);
    if (!keys) return Unexpected(std::move(keys).error());
    inside.keys = std::move(keys).value();
  }
  if (inside.settings.token.algorithm != JwtAlgorithm::hs256) {
    inside.workers =
        std::make_unique<Workers>(inside.settings.threads, inside.settings.max_pending);
  }
  return made;
}

void JwtAuthenticator::on_unknown_key(std::function<void()> hook) {
  inside_->unknown_key = std::move(hook);
}

void JwtAuthenticator::use_keys(JwtKeysPtr keys, SteadyMs valid_until_ms) {
  const std::lock_guard lock(inside_->mutex);
  inside_->keys.swap(keys);
  inside_->valid_until_ms = valid_until_ms;
}

Result<void> JwtAuthenticator::reload() {
  if (inside_->settings.source == JwtKeySource::outside) return {};
  auto keys = read_keys(inside_->settings, inside_->log);
  count(keys ? inside_->counters.reloads : inside_->counters.reload_failures);
  if (!keys) return Unexpected(std::move(keys).error());
  use_keys(std::move(keys).value());
  return {};
}

const JwtCounters& JwtAuthenticator::counters() const { return inside_->counters; }

std::size_t JwtAuthenticator::key_count() const {
  const std::lock_guard lock(inside_->mutex);
  return inside_->keys ? inside_->keys->size() : 0;
}

void JwtAuthenticator::authenticate(AuthRequest request, Answer answer) {
  if (inside_->stopping.load(std::memory_order_relaxed)) {
    inside_->refuse(kStopping, std::move(request), answer);
    return;
  }
  Inside::Held held = inside_->held();
  if (auto verdict = inside_->verifier.screen(request, *held.keys)) {
    if (verdict->fault == JwtFault::key) {
      if (inside_->unknown_key) inside_->unknown_key();
      if (!held.why_none.empty()) {
        verdict->result = {ReasonCode::server_unavailable, held.why_none};
      }
    }
    inside_->finish(std::move(*verdict), std::move(request), answer);
    return;
  }
  if (!inside_->workers) {
    JwtVerdict verdict = inside_->verify(request, held);
    inside_->finish(std::move(verdict), std::move(request), answer);
    return;
  }
  inside_->push(std::move(request), std::move(held), std::move(answer));
}

void JwtAuthenticator::stop() {
  inside_->stopping.store(true);
  if (inside_->workers) inside_->workers->stop();
}

}  // namespace roost::auth
