// SPDX-License-Identifier: Apache-2.0
// A small HTTP/1.1 server for operators: metrics, health, the admin API, later the console.
// Keep-alive, limits on everything, one thread; Beast stays inside server.cc.
// Thread: open, start, stop from the owner's thread; handlers run on the server's own thread.
// Owner: the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/result.h"

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
};

// Shouldn't take long: all requests share one thread. An exception becomes a 500.
using Handler = std::function<Response(const Request&)>;

struct Route {
  std::string method;  // "GET" answers HEAD too
  std::string path;    // exact, or a prefix when it ends in "/*"
  Handler handler;
  bool is_open = false;  // the server's guard asks for no token
};

class Guard;

struct Settings {
  std::string address = "127.0.0.1";  // IPv4, IPv6 or "*"
  std::uint16_t port = 8080;          // 0: a free one
  // Not empty: a Unix socket instead, mode 0600, of any length. One that nobody serves any more is
  // replaced; it goes when the server stops.
  std::string unix_path = {};
  bool json_errors = false;            // {"error": "..."} instead of a line of text
  std::uint32_t max_connections = 64;  // over it: the new one gets 503
  std::uint32_t header_bytes_max = 8 * 1024;
  std::uint32_t body_bytes_max = 1024 * 1024;
  std::uint32_t timeout_ms = 30'000;  // idle, and for one request to arrive or leave
  Guard* guard = nullptr;             // must outlive the server; null: everybody may do everything
  std::shared_ptr<const net::TlsSettings> tls = nullptr;  // null: none
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
  virtual std::uint64_t requests() const = 0;             // any thread
  virtual std::uint64_t refused_connections() const = 0;  // over max_connections
};

}  // namespace roost::http
