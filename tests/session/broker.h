// SPDX-License-Identifier: Apache-2.0
// A broker without sockets: real cores, routers and session tables, driven turn by turn on the
// calling thread under a manual clock. Clients join through support::Client.
// Thread: core-bound to whoever holds it (all cores run on the calling thread).
// Owner: the test.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/clock.h"
#include "broker/core/cores.h"
#include "broker/routing/router.h"
#include "broker/session/session_table.h"
#include "tests/support/memory_disk.h"

namespace roost::support {

class Broker {
 public:
  explicit Broker(std::uint16_t cores = 1);
  // On what another one left behind; its clock goes on from `clock`.
  Broker(std::uint16_t cores, Remains remains, const ManualClock& clock,
         const session::Teller* teller = nullptr);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // May be changed at any time; sessions read them where they need them.
  session::SessionLimits& limits() { return tables_.limits; }
  void use(const session::Teller& teller) { tables_.teller = &teller; }
  // ... but for those of durable queues, which are records: this appends them. Requires: nobody is
  // connected.
  void limits_changed();
  session::StartedRecord& started() { return started_; }
  std::uint16_t size() const { return cores_.size(); }

  // Runs `work` in a turn of that core, at once, and nothing else: what it posts waits.
  void run_on(CoreId core, core::Task work);
  // One turn of one core.
  void step(CoreId core) { cores_.at(core).run_once(0); }
  // Turns of all cores until no mail is left anywhere.
  void settle();
  // Moves the clock; what became due happens.
  void advance_ms(std::int64_t ms);
  void advance_s(std::int64_t s) { advance_ms(s * 1000); }

  CoreId core_of(std::string_view key);
  // A text beginning with `name` (client id, topic, "group/filter") that belongs to that core.
  // A core the broker doesn't have: taken modulo their number.
  std::string id_on(unsigned core, std::string_view name);

  session::SessionTable& table(CoreId core) { return *owned_[core.value]; }
  session::SessionTable& home(std::string_view client_id) { return table(core_of(client_id)); }
  // Null: the broker knows nothing of that client id.
  const session::StoredSession* stored(std::string_view client_id) {
    return home(client_id).stored(client_id);
  }
  session::Session* live(std::string_view client_id) { return home(client_id).live(client_id); }
  bool knows(std::string_view client_id) {
    return live(client_id) != nullptr || stored(client_id) != nullptr;
  }
  // Messages that wait for it: in its queue, or in flight.
  std::size_t queued(std::string_view client_id) {
    return stored(client_id) == nullptr ? 0 : stored(client_id)->queued;
  }

  MemoryDisk& disk(CoreId core) { return *disks_[core.value]; }
  MemoryDisk& disk_of(std::string_view key) { return disk(core_of(key)); }
  // Writes all state to disk, as a checkpoint does, and settles.
  void checkpoint();
  // The broker is gone as after kill -9; what is left of it.
  Remains crash();
  ManualClock& clock() { return clock_; }
  // Over all cores.
  std::uint64_t sum(Counter session::SessionCounters::*counter) const;
  std::uint64_t bits_of_interest(std::string_view topic) const;

 private:
  void begin();

  ManualClock clock_;
  Remains remains_;
  session::StartedRecord started_;
  core::Cores cores_;
  routing::RoutingTable routing_;
  session::SessionTables tables_;
  std::vector<std::unique_ptr<session::SessionTable>> owned_;
  std::vector<std::unique_ptr<MemoryDisk>> disks_;
};

}  // namespace roost::support
