// SPDX-License-Identifier: Apache-2.0
// The members of one shared subscription and whose turn it is. [MQTT5-4.8.2] Connected members are
// preferred; without one, a message waits with an offline member (its queue). A group lives on the
// core of shard_of("group/filter"); members may be anywhere and are known by their client id.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/ids.h"
#include "broker/mqtt/types.h"
#include "broker/routing/index_table.h"

namespace roost::routing {

struct ShareMember {
  std::string client_id;
  CoreId core;  // where its session is
  bool connected = false;
  std::uint32_t subscription_id = 0;
  mqtt::SubscriptionOptions options;
  bool durable = false;  // its queue outlives its connection
  // In a cluster: the process whose memory its session is in (Peers::own_life; 0: durable), and
  // which connection of its client id it is, rising.
  std::uint64_t life = 0;
  std::uint64_t epoch = 0, counter = 0;
};

class ShareGroup {
 public:
  ShareGroup(std::string_view group, std::string_view filter);

  const std::string& name() const { return name_; }      // "group"
  const std::string& filter() const { return filter_; }  // without "$share/group/"

  // Adds or replaces by client id. True: it is new.
  bool join(ShareMember member);
  // True if it was there.
  bool leave(std::string_view client_id);
  void set_connected(std::string_view client_id, bool connected);
  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  bool has_connected() const { return connected_count_ > 0; }
  bool has_durable() const { return durable_count_ > 0; }

  // The next member in turn: connected ones round robin; else offline ones round robin; null when
  // empty or when only `except` (may be empty) is left. The pointer lives until the next change.
  const ShareMember* next(std::string_view except = {});
  // The next connected one, else any, by a turn of its own: what next() gives is not moved by it.
  const ShareMember* next_once();

  // --- as a shard's state: joined in this order, with these turns, it goes on as it would here ---
  struct Turns {
    std::uint64_t connected = 0, offline = 0;
  };
  const std::vector<ShareMember>& members() const { return members_; }
  const ShareMember* member(std::string_view client_id) const {
    const std::uint32_t known = find(client_id);
    return known == kNoIndex ? nullptr : &members_[known - 1];
  }
  Turns turns() const { return {turn_, offline_turn_}; }
  void set_turns(const Turns& turns) {
    turn_ = turns.connected;
    offline_turn_ = turns.offline;
  }

 private:
  std::uint32_t find(std::string_view client_id) const;  // position + 1; kNoIndex: none
  void swap_places(std::size_t a, std::size_t b);
  std::size_t set_connected(std::size_t at, bool connected);  // the new position
  const ShareMember* next_in(std::size_t begin, std::size_t end, std::size_t& turn,
                             std::string_view except);

  std::string name_, filter_;
  std::vector<ShareMember> members_;  // the connected ones first
  IndexTable by_client_;              // position + 1
  std::size_t connected_count_ = 0;
  std::size_t durable_count_ = 0;
  std::size_t turn_ = 0, offline_turn_ = 0;  // whose turn it is, in either part
  std::size_t once_turn_ = 0;
};

}  // namespace roost::routing
