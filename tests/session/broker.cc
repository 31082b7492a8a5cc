// SPDX-License-Identifier: Apache-2.0
#include "tests/session/broker.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/shard_start.h"

namespace roost::support {

Broker::Broker(std::uint16_t cores) : Broker(cores, Remains(), ManualClock()) {}

Broker::Broker(std::uint16_t cores, Remains remains, const ManualClock& clock,
               const session::Teller* teller)
    : clock_(clock), remains_(std::move(remains)), cores_(cores, clock_) {
  ++remains_.epoch;
  tables_.teller = teller;
  started_.max_queued_messages = tables_.limits.max_queued_messages;
  for (std::uint16_t id = 0; id < cores; ++id) {
    owned_.push_back(
        std::make_unique<session::SessionTable>(cores_.at(CoreId{id}), cores_, routing_, tables_));
    disks_.push_back(std::make_unique<MemoryDisk>(remains_, cores_.at(CoreId{id}), *owned_.back()));
    owned_.back()->use(*disks_.back(), *disks_.back());
    tables_.tables.push_back(owned_.back().get());
    routing_.routers.push_back(&owned_.back()->router());
  }
  begin();
}

Broker::~Broker() = default;

void Broker::begin() {
  for (auto& [id, left] : remains_.shards) {
    session::SessionTable& home = table(cores_.of(ShardId{id}).id());
    const auto scan = [&shard = left](const session::LogVisit& visit) {
      for (const auto& [index, bytes] : shard.log) {
        if (index > shard.applied) visit(index, bytes);
      }
    };
    const auto started =
        session::start_shard(home, ShardId{id}, RemainsReader(left), left.applied, scan, clock_);
    CHECK(started.unreadable == 0);
  }
  for (std::uint16_t id = 0; id < size(); ++id) {
    run_on(CoreId{id}, [&] { table(CoreId{id}).lead(started_); });
  }
  settle();
  for (std::uint16_t id = 0; id < size(); ++id) {
    run_on(CoreId{id}, [&] { table(CoreId{id}).resume(); });
  }
  settle();
}

void Broker::limits_changed() {
  started_.max_queued_messages = tables_.limits.max_queued_messages;
  started_.max_queued_bytes = tables_.limits.max_queued_bytes;
  for (std::uint16_t id = 0; id < size(); ++id) {
    run_on(CoreId{id}, [&] { table(CoreId{id}).begin_epoch(started_); });
  }
  settle();
}

void Broker::checkpoint() {
  for (std::uint16_t id = 0; id < size(); ++id) {
    run_on(CoreId{id}, [&] { table(CoreId{id}).checkpoint([] {}); });
  }
  settle();
}

Remains Broker::crash() {
  // What was appended and not committed is lost; its indexes are taken again.
  Remains left = remains_;
  for (auto& [id, shard] : left.shards) {
    shard.last = shard.log.empty() ? shard.applied : shard.log.back().first;
  }
  return left;
}

void Broker::run_on(CoreId core, core::Task work) {
  cores_.at(core).post(std::move(work));
  step(core);
}

void Broker::settle() {
  bool busy = true;
  for (int round = 0; busy; ++round) {
    CHECK(round < 100'000);  // mail going round for ever
    busy = false;
    for (std::uint16_t id = 0; id < size(); ++id) step(CoreId{id});
    for (std::uint16_t id = 0; id < size(); ++id) {
      busy = busy || cores_.at(CoreId{id}).mail_waiting() > 0;
    }
  }
}

void Broker::advance_ms(std::int64_t ms) {
  clock_.advance_ms(ms);
  settle();
}

CoreId Broker::core_of(std::string_view key) {
  return cores_.of(shard_of(key, routing_.shard_count)).id();
}

std::string Broker::id_on(unsigned core, std::string_view name) {
  const CoreId wanted{static_cast<std::uint16_t>(core % size())};
  std::string id(name);
  for (int i = 0; core_of(id) != wanted; ++i) id = std::string(name) + std::to_string(i);
  return id;
}

std::uint64_t Broker::sum(Counter session::SessionCounters::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& table : owned_) sum += (table->counters().*counter).value();
  return sum;
}

std::uint64_t Broker::bits_of_interest(std::string_view topic) const {
  return routing_.volatiles.candidates(topic) | routing_.durables.candidates(topic);
}

}  // namespace roost::support
