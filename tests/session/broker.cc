// SPDX-License-Identifier: Apache-2.0
#include "tests/session/broker.h"

#include <algorithm>
#include <utility>

#include "broker/base/check.h"

namespace roost::support {

Broker::Broker(std::uint16_t cores) : cores_(cores, clock_) {
  for (std::uint16_t id = 0; id < cores; ++id) {
    owned_.push_back(
        std::make_unique<session::SessionTable>(cores_.at(CoreId{id}), cores_, routing_, tables_));
    tables_.tables.push_back(owned_.back().get());
    routing_.routers.push_back(&owned_.back()->router());
  }
}

Broker::~Broker() = default;

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
