// SPDX-License-Identifier: Apache-2.0
// The ways out of this node: its bridges and webhooks, on a thread of their own, and what is told
// of them. Which of them act here depends on who leads the shards of their sessions. Thread: made,
// started and stopped by the owner's thread; what it tells from any thread that may wait. Owner:
// Server.
#pragma once

#include <boost/json/value.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "broker/client/loop.h"
#include "broker/http/outbound.h"
#include "broker/observe/metrics.h"
#include "broker/outgoing/bridge.h"
#include "broker/outgoing/webhook.h"
#include "broker/server/fleet.h"
#include "broker/server/inside_door.h"

namespace roost::server {

struct Node;

class Ways final : private outgoing::Inside {
 public:
  Ways(Node& node, InsideDoor& door, Fleet& fleet);
  ~Ways();  // stop()

  // CA files of webhooks that can't be used. Before start().
  Result<void> open();
  void start();
  // Each says goodbye; what wasn't acknowledged stays in the sessions. Idempotent.
  void stop();

  void add_metrics(observe::Metrics& metrics) const;

 private:
  // Whether the shard of a client id is led here, asked for of its core now and then.
  struct Seat {
    ShardId shard;
    std::shared_ptr<std::atomic<bool>> is_ours = std::make_shared<std::atomic<bool>>(false);
  };

  Result<int> connect() override;
  bool leads(const std::string& client_id) const override;
  void look_who_leads();
  boost::json::value bridges_here() const;
  boost::json::value webhooks_here() const;

  Node& node_;
  InsideDoor& door_;
  client::Loop loop_;
  std::unordered_map<std::string, Seat> seats_;  // immutable once started
  std::vector<std::unique_ptr<outgoing::Bridge>> bridges_;
  std::vector<std::unique_ptr<http::Outbound>> webs_;  // one a webhook
  std::vector<std::unique_ptr<outgoing::Webhook>> webhooks_;
  std::size_t next_core_ = 0;
  std::thread thread_;
};

}  // namespace roost::server
