// SPDX-License-Identifier: Apache-2.0
#include "tests/gates/stage.h"

#include <sys/socket.h>

#include <utility>

#include "broker/base/check.h"
#include "broker/mqtt/encode.h"
#include "tests/support/packet_text.h"

namespace roost::gates {

Stage::Stage() {
  for (std::uint16_t id = 0; id < kCores; ++id) {
    sessions.push_back(
        std::make_unique<session::SessionTable>(cores.at(CoreId{id}), cores, routing, tables));
    disks.push_back(
        std::make_unique<support::MemoryDisk>(remains, cores.at(CoreId{id}), *sessions.back()));
    sessions.back()->use(*disks.back(), *disks.back());
    tables.tables.push_back(sessions.back().get());
    routing.routers.push_back(&sessions.back()->router());
    gates.push_back(std::make_unique<Gates>(common, *sessions.back(), net_counters[id]));
    common.gates.push_back(gates.back().get());
  }
  listener.name = "door";
  session::StartedRecord limits;
  limits.max_queued_messages = tables.limits.max_queued_messages;
  for (std::uint16_t id = 0; id < kCores; ++id) {
    cores.at(CoreId{id}).post([this, id, limits] { sessions[id]->lead(limits); });
  }
  settle();
}

Stage::~Stage() {
  for (auto& each : gates) each->close_all();
  gates.clear();
  disks.clear();
  sessions.clear();
}

void Stage::open(support::RawClient& client, std::string_view address,
                 std::vector<std::uint8_t> unread) {
  int ends[2];
  CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  client.open_fd(ends[0]);
  net::DetachedConnection accepted;
  accepted.fd = ends[1];
  accepted.peer.address = address;
  accepted.unread = std::move(unread);
  cores.at(CoreId{0}).post([this, accepted = std::move(accepted)]() mutable {
    gates[0]->accept(listener, std::move(accepted));
  });
  settle();
}

void Stage::settle() {
  constexpr int kQuietRounds = 4;
  for (int quiet = 0; quiet < kQuietRounds; ++quiet) {
    for (std::uint16_t id = 0; id < kCores; ++id) turn(id);
    for (std::uint16_t id = 0; id < kCores; ++id) {
      if (cores.at(CoreId{id}).mail_waiting() > 0) quiet = 0;
    }
  }
}

void Stage::advance_ms(std::int64_t ms) {
  clock.advance_ms(ms);
  settle();
}

void Stage::send(support::RawClient& client, const std::vector<mqtt::Packet>& packets,
                 mqtt::ProtocolVersion version) {
  std::vector<std::uint8_t> bytes;
  for (const mqtt::Packet& each : packets) mqtt::encode(each, version, bytes);
  CHECK(client.send_bytes(bytes));
  settle();
}

std::string Stage::id_on(std::uint16_t core, std::string_view name) const {
  std::string id(name);
  auto& all = const_cast<core::Cores&>(cores);
  for (int i = 0; all.of(shard_of(id, routing.shard_count)).id() != CoreId{core}; ++i) {
    id = std::string(name) + std::to_string(i);
  }
  return id;
}

std::uint64_t Stage::sum(Counter GateCounters::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& each : gates) sum += (std::as_const(*each).counters().*counter).value();
  return sum;
}

std::uint64_t Stage::sum(Counter session::SessionCounters::*counter) const {
  std::uint64_t sum = 0;
  for (const auto& each : sessions) sum += (std::as_const(*each).counters().*counter).value();
  return sum;
}

std::vector<std::string> read_all(support::RawClient& client) {
  std::vector<std::string> lines;
  while (const auto packet = client.receive(0)) lines.push_back(support::packet_text(*packet));
  if (!client.is_open()) lines.emplace_back("END");
  return lines;
}

}  // namespace roost::gates
