// SPDX-License-Identifier: Apache-2.0
// One watch: a listing, then the changes behind it, wherever they can be had.
// Thread: the loop's; the guard any.
// Owner: itself while it runs; shared with the handle.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cluster/coordinator.h"
#include "cluster/etcd/client.h"
#include "cluster/etcd/guard.h"

namespace roost::cluster::etcd {

class WatchRun final : public Follower, public std::enable_shared_from_this<WatchRun> {
 public:
  WatchRun(Client& client, std::string prefix, Watcher& watcher)
      : client_(client), prefix_(std::move(prefix)), watcher_(watcher) {}

  void begin();
  void end();
  Guard& guard() { return guard_; }

 private:
  void moved() override;
  void list();
  void listed(Listing listing);
  void open();
  void opened_on(const Route& route);
  void on_message(const Route& route, const etcdserverpb::WatchResponse& response);
  void on_end(const Route& route, const Status& status);
  void deliver(const etcdserverpb::WatchResponse& response);
  void open_later();

  Client& client_;
  const std::string prefix_;
  Watcher& watcher_;
  Guard guard_;
  std::unique_ptr<Stream> stream_;
  std::size_t member_ = 0;  // that the stream is from
  bool is_opening_ = false;
  bool is_over_ = false;
  bool has_listing_ = false;
  Revision seen_ = 0;
};

KeyValue key_value_of(const etcdserverpb::KeyValue& from);
Listing listing_of(const etcdserverpb::RangeResponse& response);
etcdserverpb::RangeRequest range_of(const std::string& prefix);

}  // namespace roost::cluster::etcd
