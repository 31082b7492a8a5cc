// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 server for operators: metrics, health, the admin API, later the console.
// Keep-alive, limits on everything; one thread for sockets and quick handlers, a few workers for
// slow ones. Beast stays inside connection.cc.
// Thread: open, start, stop from the owner's thread; handlers run on the server's own thread, slow
// ones on its workers.
// Owner: the server.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/http/body_source.h"

namespace roost::net {
struct TlsSettings;
}

namespace roost::http {

struct Request {
  std::string method;  // "GET"
  std::string path;    // "/metrics", as sent, without the query
  std::string query;   // behind '?', as sent
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string peer = {};         // the client's address without port; empty: a Unix socket
  bool has_certificate = false;  // a client certificate that was checked

  // The first of that name, any case; empty when there is none.
  std::string_view header(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers = {};
  // Not null: the body goes on, chunked, until this ends; then the connection closes.
  std::shared_ptr<BodySource> stream = nullptr;
};

class Reply;

// Shouldn't take long, unless its route is slow: all requests share one thread. An exception
// becomes a 500.
using Handler = std::function<Response(const Request&)>;
// Doesn't take long itself; answers by `reply`, at once or later, on any thread.
using LaterHandler = std::function<void(Request, Reply)>;

struct Route {
  std::string method;  // "GET" answers HEAD too
  std::string path;    // exact, or a prefix when it ends in "/*"
  Handler handler;
  bool is_open = false;          // the server's guard asks for no token
  bool is_slow = false;          // runs on a worker, so that nobody waits behind it
  LaterHandler later = nullptr;  // instead of `handler`
};

class Guard;

struct Settings {
  std::string address = "127.0.0.1";  // IPv4, IPv6 or "*"
  std::uint16_t port = 8080;          // 0: a free one
  // Not empty: a Unix socket instead, mode 0600, of any length. One that nobody serves any more is
  // replaced; it goes when the server stops.
  std::string unix_path = {};
  bool json_errors = false;  // {"error": "..."} instead of a line of text
  // Streams aside. Over it the one that has waited longest for a request to come, at least
  // `patience_ms`, makes room; where there is none the new one gets 503.
  std::uint32_t max_connections = 64;
  std::uint32_t patience_ms = 1000;
  std::uint32_t header_bytes_max = 8 * 1024;
  std::uint32_t body_bytes_max = 1024 * 1024;
  std::uint32_t timeout_ms = 30'000;  // idle, and for one request to arrive or leave
  std::uint32_t workers = 4;          // threads for slow routes and large bodies
  std::uint32_t waiting_max = 64;     // requests that wait for one; over it: 503
  std::uint32_t max_streams = 100;    // answers that go on; over it: 503
  // A stream that was silent so long gets its heartbeat.
  std::uint32_t heartbeat_ms = 15'000;
  Guard* guard = nullptr;  // must outlive the server; null: everybody may do everything
  std::shared_ptr<const net::TlsSettings> tls = nullptr;  // null: none
};

struct ServerCounters {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused{0};          // connections over max_connections
  std::atomic<std::uint64_t> evicted{0};          // connections that made room for others
  std::atomic<std::uint64_t> refused_slow{0};     // requests while too many were under way
  std::atomic<std::uint64_t> refused_streams{0};  // answers over max_streams
  std::atomic<std::uint64_t> slow_readers{0};     // streams ended because nobody read them
  std::atomic<std::uint64_t> streams{0};          // open now
};

// What the server itself answers to what it doesn't serve.
Response error_response(unsigned status, const std::string& text, bool as_json);

class Server {
 public:
  // Binds and listens. Errors: already_exists (address in use), invalid_argument (address), io.
  static Result<std::unique_ptr<Server>> open(Settings settings, std::vector<Route> routes);
  virtual ~Server() = default;  // stop()

  virtual void start() = 0;
  virtual void stop() = 0;  // closes everything, joins; idempotent
  // Reads certificate, key and authority again, for later connections; on an error the old go on.
  // Any thread.
  virtual Result<void> reload_tls() = 0;
  virtual std::uint16_t port() const = 0;
  virtual const ServerCounters& counters() const = 0;  // any thread
  std::uint64_t requests() const { return counters().requests.load(); }
  std::uint64_t refused_connections() const { return counters().refused.load(); }
};

}  // namespace roost::http
