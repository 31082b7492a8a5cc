// SPDX-License-Identifier: Apache-2.0
#include "broker/auth/password_authenticator.h"

#include <openssl/crypto.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "broker/auth/scram_secret.h"
#include "broker/auth/seen_passwords.h"
#include "broker/base/check.h"

namespace roost::auth {

namespace {

using mqtt::ReasonCode;
using Snapshot = std::shared_ptr<const PasswordSnapshot>;

struct Job {
  std::string user;
  std::string password;
  Authenticator::Answer answer;
};

void wipe(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

// An unknown user costs as much as the dearest known one, so that time doesn't tell who exists.
Result<std::string> decoy_of(const PasswordTable& table) {
  const std::string* dearest = nullptr;
  std::uint64_t most = 0;
  for (const auto& [user, hash] : table) {
    const auto cost = check_hash(hash);
    if (!cost || *cost < most) continue;
    most = *cost;
    dearest = &hash;
  }
  if (dearest != nullptr) return *dearest;
  return hash_password("nobody has this one");
}

std::uint32_t usual_iterations(const PasswordTable& table) {
  std::map<std::uint32_t, std::size_t> users_with;
  std::uint32_t usual = ScramCost().iterations;
  std::size_t most = 0;
  for (const auto& [user, hash] : table) {
    if (!is_scram(hash)) continue;
    const auto secret = read_scram(hash);
    if (!secret || ++users_with[secret->iterations] <= most) continue;
    usual = secret->iterations;
    ++most;
  }
  return usual;
}

}  // namespace

struct PasswordAuthenticator::Inside {
  Inside(PasswordSettings s, AuthCounters& c) : settings(std::move(s)), counters(c) {}

  void start();
  void run();
  void verify(Job job);
  void push(Job job);
  Result<void> load();
  Snapshot known() const;

  const PasswordSettings settings;
  AuthCounters& counters;
  SeenPasswords seen;

  mutable std::mutex snapshot_mutex;
  Snapshot snapshot;  // guarded by snapshot_mutex; never null once open

  std::mutex queue_mutex;
  std::condition_variable queue_filled;
  std::deque<Job> queue;  // guarded by queue_mutex
  bool stopping = false;  // guarded by queue_mutex
  std::vector<std::thread> threads;
};

Snapshot PasswordAuthenticator::Inside::known() const {
  const std::lock_guard lock(snapshot_mutex);
  return snapshot;
}

Result<void> PasswordAuthenticator::Inside::load() {
  auto read = read_passwords(settings.password_file);
  if (!read) return Unexpected(std::move(read).error());
  auto decoy = decoy_of(*read);
  if (!decoy) return Unexpected(std::move(decoy).error());
  seen.keep_only(*read);
  const std::uint32_t iterations = usual_iterations(*read);
  auto fresh = std::make_shared<const PasswordSnapshot>(
      PasswordSnapshot{std::move(read).value(), std::move(decoy).value(), iterations});
  const std::lock_guard lock(snapshot_mutex);
  snapshot = std::move(fresh);
  return {};
}

void PasswordAuthenticator::Inside::start() {
  for (std::uint32_t i = 0; i < settings.threads; ++i) threads.emplace_back([this] { run(); });
}

void PasswordAuthenticator::Inside::run() {
  for (;;) {
    std::unique_lock lock(queue_mutex);
    queue_filled.wait(lock, [this] { return stopping || !queue.empty(); });
    if (stopping) return;
    Job job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    verify(std::move(job));
  }
}

void PasswordAuthenticator::Inside::verify(Job job) {
  const Snapshot now = known();
  const auto found = now->users.find(job.user);
  const bool is_known = found != now->users.end();
  count(counters.hashes_computed);
  const bool matches = verify_password(is_known ? found->second : now->decoy, job.password);
  const bool accepted = is_known && matches;
  if (accepted) seen.remember(job.user, job.password, found->second);
  wipe(job.password);
  counters.pending.fetch_sub(1, std::memory_order_relaxed);
  count(accepted ? counters.accepted : counters.refused_password);
  AuthResult result;
  if (!accepted) {
    result = {ReasonCode::bad_user_name_or_password, is_known ? "wrong password" : "unknown user"};
    result.is_unknown = !is_known;
  }
  job.answer(result);
}

void PasswordAuthenticator::Inside::push(Job job) {
  AuthResult refused{ReasonCode::server_busy, "too many password checks are waiting"};
  {
    const std::lock_guard lock(queue_mutex);
    if (!stopping && queue.size() < settings.max_pending) {
      counters.pending.fetch_add(1, std::memory_order_relaxed);
      queue.push_back(std::move(job));
      queue_filled.notify_one();
      return;
    }
    if (stopping) refused = {ReasonCode::server_shutting_down, "the broker is stopping"};
  }
  wipe(job.password);
  if (refused.code == ReasonCode::server_busy) count(counters.refused_busy);
  job.answer(refused);
}

PasswordAuthenticator::PasswordAuthenticator(PasswordSettings settings)
    : inside_(std::make_unique<Inside>(std::move(settings), counters_)) {}

Result<std::unique_ptr<PasswordAuthenticator>> PasswordAuthenticator::open(
    PasswordSettings settings) {
  CHECK(settings.threads > 0 && settings.max_pending > 0);
  std::unique_ptr<PasswordAuthenticator> result(new PasswordAuthenticator(std::move(settings)));
  if (auto loaded = result->inside_->load(); !loaded) {
    return Unexpected(std::move(loaded).error());
  }
  result->inside_->start();
  return result;
}

PasswordAuthenticator::~PasswordAuthenticator() { stop(); }

void PasswordAuthenticator::authenticate(AuthRequest request, Answer answer) {
  if (!request.user_name) {
    AuthResult nobody{ReasonCode::bad_user_name_or_password, "no user name"};
    nobody.is_unknown = true;
    if (request.password) wipe(*request.password);
    count(counters_.refused_password);
    answer(nobody);
    return;
  }
  // A name without a password is one with an empty password.
  std::string password = std::move(request.password).value_or(std::string());
  const Snapshot now = inside_->known();
  const auto found = now->users.find(*request.user_name);
  if (found != now->users.end() &&
      inside_->seen.contains(*request.user_name, password, found->second)) {
    wipe(password);
    count(counters_.cache_hits);
    count(counters_.accepted);
    answer({});
    return;
  }
  inside_->push({std::move(*request.user_name), std::move(password), std::move(answer)});
}

Result<void> PasswordAuthenticator::reload() {
  auto loaded = inside_->load();
  count(loaded ? counters_.reloads : counters_.reload_failures);
  return loaded;
}

void PasswordAuthenticator::stop() {
  std::deque<Job> waiting;
  {
    const std::lock_guard lock(inside_->queue_mutex);
    inside_->stopping = true;
    waiting.swap(inside_->queue);
    inside_->queue_filled.notify_all();
  }
  for (Job& job : waiting) {
    wipe(job.password);
    counters_.pending.fetch_sub(1, std::memory_order_relaxed);
    job.answer({ReasonCode::server_shutting_down, "the broker is stopping"});
  }
  for (std::thread& thread : inside_->threads) thread.join();
  inside_->threads.clear();
}

std::shared_ptr<const PasswordSnapshot> PasswordAuthenticator::snapshot() const {
  return inside_->known();
}

}  // namespace roost::auth
