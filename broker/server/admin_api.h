// SPDX-License-Identifier: Apache-2.0
// The admin API of a node: HTTP with JSON on the Unix socket admin.sock in the data directory, mode
// 0600. The verbs are one table of routes in admin_api.cc; every answer is JSON, errors too:
// {"error": "..."}.
// Thread: open, start, stop from one thread; verbs run on the API's own.
// Owner: Server.
#pragma once

#include <memory>

#include "broker/base/result.h"
#include "broker/http/server.h"
#include "broker/observe/metrics.h"
#include "broker/server/backup_job.h"

namespace roost::server {

struct Node;

class AdminApi {
 public:
  // Without a socket, where none can be made there (said in the log): a broker serves all the same.
  // `node` must outlive it.
  explicit AdminApi(Node& node);
  ~AdminApi();  // stop()

  void start();
  // A backup that is being written is given up.
  void stop();
  void add_metrics(observe::Metrics& metrics) const { backup_.add_metrics(metrics); }

 private:
  std::vector<http::Route> routes();
  http::Response begin_backup(const http::Request& request);

  Node& node_;
  BackupJob backup_;
  std::unique_ptr<http::Server> http_;  // null: no socket
};

}  // namespace roost::server
