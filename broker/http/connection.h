// SPDX-License-Identifier: Apache-2.0
// One client of the HTTP server, with TLS or without; what all of them share.
// Thread: the server's own.
// Owner: itself, while an operation of its is under way, and Shared while it waits for an answer.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/auth/workers.h"
#include "broker/http/reply.h"
#include "broker/http/router.h"
#include "broker/http/server.h"

namespace roost::net {
class TlsContext;
}

namespace roost::http {

using Stream = boost::asio::generic::stream_protocol;  // TCP and Unix

struct Shared;

class Connection {
 public:
  explicit Connection(Shared& shared) : shared_(shared) {}
  virtual ~Connection() = default;
  virtual void close() = 0;
  // Its request was answered, by a worker or later.
  virtual void answered(Response response) = 0;
  // Its stream has something.
  virtual void go_on() = 0;

 protected:
  // From now until it has come it waits for a request, and may have to make room.
  void await_request();
  void request_came();
  // False: there are too many. Streams take no places of others.
  bool begin_stream();
  void end_stream();

  Shared& shared_;

 private:
  friend struct Shared;
  bool is_awaiting_ = false;
  bool is_streaming_ = false;
  std::int64_t awaits_since_ms_ = 0;
  std::list<Connection*>::iterator awaits_at_;
};

struct Shared {
  Shared(Settings s, std::vector<Route> routes, std::shared_ptr<OwnThread> own);

  // One more may come: there is a place, or one was made.
  bool has_room();
  // Finds the answer to a request: now, or by Connection::answered().
  std::optional<Response> serve_request(std::shared_ptr<Connection> connection, Request request);
  // Calls go_on() when the stream has something, unless the number is taken out of `waiting`
  // before.
  std::uint64_t await_more(std::shared_ptr<Connection> connection, BodySource& source);

  // By number, null where it was closed meanwhile.
  using Numbered = std::unordered_map<std::uint64_t, std::shared_ptr<Connection>>;
  static std::shared_ptr<Connection> take(Numbered& from, std::uint64_t number);
  // Handlers that run are waited for, those that wait answer 503. Any thread.
  void stop_workers();

  const Settings settings;
  const Router router;
  std::unordered_set<Connection*> connections;
  std::list<Connection*> awaiting;  // a request; the one that waits longest in front
  Numbered waiting;                 // for an answer that is worked on elsewhere
  Numbered streaming;               // and waiting for more
  std::uint64_t last_number = 0;
  const std::shared_ptr<OwnThread> own_thread;
  ServerCounters counters;

 private:
  // Places that such answers leave to what is quick: probes and metrics.
  std::size_t busy_max() const;
  // False: too many wait, or it stops.
  bool push(auth::Workers::Job& job);

  std::mutex workers_mutex_;
  std::unique_ptr<auth::Workers> workers_;  // guarded by the mutex; null: nothing was slow yet
  bool has_stopped_ = false;                // likewise
};

// `tls`: null: none; needed for this call only. `busy`: not null: the first request is answered by
// 503 and these words. `shared` must outlive the connection.
void serve(Stream::socket socket, Shared& shared, const net::TlsContext* tls,
           const char* busy = nullptr);

}  // namespace roost::http
