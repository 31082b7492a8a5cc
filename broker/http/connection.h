// SPDX-License-Identifier: Apache-2.0
// One client of the HTTP server, with TLS or without; what all of them share.
// Thread: the server's own.
// Owner: itself, while an operation of its is under way.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>

#include <atomic>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/http/router.h"
#include "broker/http/server.h"

namespace roost::net {
class TlsContext;
}

namespace roost::http {

using Stream = boost::asio::generic::stream_protocol;  // TCP and Unix

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void close() = 0;
};

struct Shared {
  Shared(Settings s, std::vector<Route> routes)
      : settings(std::move(s)), router(std::move(routes), settings.json_errors, settings.guard) {}

  const Settings settings;
  const Router router;
  std::unordered_set<Connection*> connections;  // own thread
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused{0};
};

// `tls`: null: none; needed for this call only. `busy`: not null: the first request is answered by
// 503 and these words. `shared` must outlive the connection.
void serve(Stream::socket socket, Shared& shared, const net::TlsContext* tls,
           const char* busy = nullptr);

}  // namespace roost::http
