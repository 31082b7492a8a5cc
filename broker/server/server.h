// SPDX-License-Identifier: Apache-2.0
// One node: cores with their sessions and gates, listeners, HTTP, $SYS. Wiring only.
// Thread: open, start, stop from one thread.
// Owner: run_serve, or a test.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/log.h"
#include "broker/base/result.h"
#include "broker/server/config.h"

namespace roost::server {

class NodeStore;

class Server {
 public:
  // Opens everything that can fail: password file, listeners, HTTP. Serves nothing yet.
  // Errors: already_exists (address in use), invalid_argument and others by their message.
  static Result<std::unique_ptr<Server>> open(const Config& config, Log& log);
  // ... on a store that is open already.
  static Result<std::unique_ptr<Server>> open(const Config& config, Log& log,
                                              std::unique_ptr<NodeStore> store);
  ~Server();  // stop()

  // What `roost drain` does: the owner shall call stop() soon. Must not block; before start().
  void on_drain(std::function<void()> stop);
  // Brings back what is on disk, then serves; blocks until then. In a cluster it only begins to
  // join.
  void start();
  // True: serves. In a cluster to be called until it does.
  bool serve_if_joined();
  // No new clients; the present ones are told (v5: 0x8B), their last bytes flushed for at most
  // `grace_ms`; then everything ends. Idempotent.
  void stop(int grace_ms = 1000);
  // Reads passwords, rules and certificates again; what fails is logged, and the old goes on.
  void reload();
  // Reads again what has changed on disk; call it about once a second. Any thread but a core's.
  void look_for_changes();

  // Whether every core has turned since the last call that said yes. From start() on; one thread.
  bool cores_turn();
  std::uint64_t connections() const;  // any thread
  // "mqtt on 127.0.0.1:1883" and so on, for the start message.
  std::vector<std::string> listening() const;
  // Every metric there is with this config, as a table. Metrics::markdown()
  std::string metrics_markdown() const;
  // What an operator of so few nodes should know; empty: nothing.
  std::string cluster_note() const;
  std::uint16_t port(std::size_t listener) const;
  std::uint16_t http_port() const;  // 0: off

 private:
  struct Inside;
  explicit Server(std::unique_ptr<Inside> inside);
  void open_doors();
  std::unique_ptr<Inside> inside_;
};

}  // namespace roost::server
