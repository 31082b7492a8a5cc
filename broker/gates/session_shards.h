// SPDX-License-Identifier: Apache-2.0
// The shards of a core's SessionTable, as Inbound needs them.
// Thread: core-bound.
// Owner: the server's per-core wiring.
#pragma once

#include "broker/base/clock.h"
#include "broker/gates/inbound.h"
#include "broker/session/session_table.h"
#include "cluster/shard_hosts.h"

namespace roost::gates {

class SessionShards final : public ShardSide {
 public:
  // That long after the whole ISR held to its epoch a leader may say that nobody wants a message:
  // whoever leads next lets nobody subscribe sooner. REPLICATION, "Interest leases"
  static constexpr SteadyMs kCertainMs = 1000;

  SessionShards(session::SessionTable& table, const cluster::ShardHosts& hosts, const Clock& clock)
      : table_(table), hosts_(hosts), clock_(clock) {}

  bool leads(ShardId shard, std::uint64_t epoch) const override;
  void deliver(ShardId shard, const routing::MessagePtr& message, const routing::Source& source,
               bool delivers, bool keeps, core::Task done, core::Task stored) override;
  void missed() override { table_.end_missed(); }

 private:
  bool is_certain(ShardId shard) const;

  session::SessionTable& table_;
  const cluster::ShardHosts& hosts_;
  const Clock& clock_;  // not the turn's time: a turn may be interrupted for long
};

}  // namespace roost::gates
