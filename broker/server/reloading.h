// SPDX-License-Identifier: Apache-2.0
// Files that a node reads again while it runs, nobody being disconnected: passwords, rules,
// certificates. A broken new one leaves the old in force, and says so.
// Thread: one at a time, no core's; blocks for files.
// Owner: Server.
#pragma once

#include <string>
#include <vector>

#include "broker/base/counter.h"
#include "broker/base/file_watch.h"
#include "broker/observe/metrics.h"
#include "broker/server/node_auth.h"

namespace roost::server {

struct Node;

class Reloading {
 public:
  // `node`, with its listeners, must outlive this.
  explicit Reloading(Node& node);

  // More than the node's own; what they call must outlive this.
  void add(std::vector<Reloadable> more);

  void reload_all();
  // What has changed on disk since the last call; about once a second.
  void reload_changed();
  void add_metrics(observe::Metrics& metrics) const;

 private:
  void reload(const Reloadable& one);
  void look_at_certificates();

  Node& node_;
  std::vector<Reloadable> all_;
  base::FileWatch watch_;
  Counter done_, failed_;
  std::int64_t certificates_seen_s_ = 0;  // Unix time of the last look at when they expire
};

}  // namespace roost::server
