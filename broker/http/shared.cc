// SPDX-License-Identifier: Apache-2.0
// What the connections of a server share: places, workers, and who waits for what.
#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <variant>

#include "broker/http/connection.h"

namespace roost::http {

namespace {

constexpr std::size_t kLargeBody = 64 * 1024;  // takes long enough to read to go to a worker

std::int64_t now_ms() {
  using std::chrono::steady_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             steady_clock::now().time_since_epoch())
      .count();
}

void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

Response busy(const std::string& text) {
  Response response = error_response(503, text, true);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

void Connection::await_request() {
  if (is_awaiting_) return;
  is_awaiting_ = true;
  awaits_since_ms_ = now_ms();
  awaits_at_ = shared_.awaiting.insert(shared_.awaiting.end(), this);
}

void Connection::request_came() {
  if (std::exchange(is_awaiting_, false)) shared_.awaiting.erase(awaits_at_);
}

bool Connection::begin_stream() {
  if (shared_.counters.streams.load() >= shared_.settings.max_streams) {
    count(shared_.counters.refused_streams);
    return false;
  }
  count(shared_.counters.streams);
  is_streaming_ = true;
  return true;
}

void Connection::end_stream() {
  if (std::exchange(is_streaming_, false)) shared_.counters.streams.fetch_sub(1);
}

Shared::Shared(Settings s, std::vector<Route> routes, std::shared_ptr<OwnThread> own)
    : settings(std::move(s)),
      router(std::move(routes), settings.json_errors, settings.guard),
      own_thread(std::move(own)) {}

bool Shared::has_room() {
  const std::size_t open = connections.size() - counters.streams.load();
  if (open < settings.max_connections) return true;
  if (awaiting.empty()) return false;
  Connection& oldest = *awaiting.front();
  if (now_ms() - oldest.awaits_since_ms_ < settings.patience_ms) return false;
  count(counters.evicted);
  oldest.request_came();  // its place is given once
  oldest.close();
  return true;
}

std::optional<Response> Shared::serve_request(std::shared_ptr<Connection> connection,
                                              Request request) {
  count(counters.requests);
  auto found = router.find(request);
  if (auto* const refused = std::get_if<Response>(&found)) return std::move(*refused);
  const Route& route = *std::get<const Route*>(found);
  const bool is_slow = route.is_slow || request.body.size() > kLargeBody;
  if (!is_slow && !route.later) return router.run(route, request);
  if (waiting.size() >= busy_max()) {
    count(counters.refused_slow);
    return busy("too many requests are under way");
  }
  const std::uint64_t number = ++last_number;
  waiting.emplace(number, std::move(connection));
  const Reply reply([this, own = own_thread, number](Response response) {
    own->post([this, number, answer = std::move(response)]() mutable {
      if (const auto who = take(waiting, number)) who->answered(std::move(answer));
    });
  });
  const auto work = [this, &route, reply](Request asked) {
    if (route.later) {
      try {
        route.later(std::move(asked), reply);
      } catch (const std::exception&) {
        reply(error_response(500, "internal error", settings.json_errors));
      }
    } else {
      reply(router.run(route, asked));
    }
  };
  if (!is_slow) {
    work(std::move(request));
    return std::nullopt;
  }
  auth::Workers::Job job = [work, asked = std::move(request), reply](bool stopping) mutable {
    if (stopping) return reply(busy("this server is stopping"));
    work(std::move(asked));
  };
  if (!push(job)) {
    count(counters.refused_slow);
    reply(busy("too many requests wait already"));
  }
  return std::nullopt;
}

std::size_t Shared::busy_max() const {
  const std::size_t all = settings.max_connections;
  return std::max<std::size_t>(1, all - std::max<std::size_t>(1, all / 8));
}

// Threads for nothing slow would be for nothing.
bool Shared::push(auth::Workers::Job& job) {
  const std::lock_guard lock(workers_mutex_);
  if (has_stopped_) return false;
  if (workers_ == nullptr) {
    workers_ = std::make_unique<auth::Workers>(settings.workers, settings.waiting_max);
  }
  return workers_->push(job) == auth::Workers::Pushed::queued;
}

void Shared::stop_workers() {
  std::unique_ptr<auth::Workers> stopped;
  {
    const std::lock_guard lock(workers_mutex_);
    has_stopped_ = true;
    stopped = std::move(workers_);
  }
  if (stopped != nullptr) stopped->stop();
}

std::uint64_t Shared::await_more(std::shared_ptr<Connection> connection, BodySource& source) {
  const std::uint64_t number = ++last_number;
  streaming.emplace(number, std::move(connection));
  source.when_ready([this, own = own_thread, number] {
    own->post([this, number] {
      if (const auto who = take(streaming, number)) who->go_on();
    });
  });
  return number;
}

std::shared_ptr<Connection> Shared::take(Numbered& from, std::uint64_t number) {
  const auto at = from.find(number);
  if (at == from.end()) return nullptr;
  std::shared_ptr<Connection> who = std::move(at->second);
  from.erase(at);
  return who;
}

}  // namespace roost::http
