// SPDX-License-Identifier: Apache-2.0
// Two nodes that share the log of a shard, each with a core, a table and its gate, and clients of
// them. The first leads when a test begins.
// Thread: the test's. Owner: GoogleTest.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "broker/base/hash.h"
#include "broker/gates/replica_gate.h"
#include "tests/gates/shared_hosts.h"
#include "tests/support/fake_link.h"
#include "tests/support/hello.h"
#include "tests/support/line_of.h"
#include "tests/support/vector_log.h"

namespace roost::gates {

using routing::MessagePtr;
using session::PublishedRecord;
using session::RetainedRecord;
using session::Source;
using support::Hello;
using support::kQos1;
using support::kQos2;
using support::Pub;
using testing::ElementsAre;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

inline constexpr ShardId kShard{3};
inline constexpr std::size_t kMiB = std::size_t{1} << 20;

inline MessagePtr message(std::string_view topic, const std::string& payload, SteadyMs now_ms,
                          mqtt::Qos qos = kQos1) {
  routing::MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  parts.qos = qos;
  parts.received_ms = now_ms;
  return routing::Message::make(parts);
}

// A name whose shard is kShard.
inline std::string name_in_shard(const std::string& name) {
  std::string id = name;
  for (int i = 0; shard_of(id, kShardCountDefault) != kShard; ++i) id = name + std::to_string(i);
  return id;
}

class ReplicaNode {
 public:
  ReplicaNode(SharedLog& log, HeldStore& held, std::int64_t clock_ahead_ms)
      : store(held), hosts(log, held) {
    clock.advance_ms(clock_ahead_ms);  // steady clocks of two machines have nothing in common
    clock.step_wall_ms(-clock_ahead_ms);
    table = std::make_unique<session::SessionTable>(core(), cores_, routing_, tables_);
    tables_.tables.push_back(table.get());
    routing_.routers.push_back(&table->router());
    session::StartedRecord limits;
    limits.max_queued_messages = 1000;
    limits.max_queued_bytes = 1 << 30;
    gate = std::make_unique<ReplicaGate>(held, core(), *table, limits, clock, log_);
    table->use(*gate, *gate);
    gate->use(hosts);
    hosts.use(*gate);
    run([this] { gate->start(); });
    run([this] { hosts.host(kShard); });
    settle();
  }

  core::Core& core() { return cores_.at(CoreId{0}); }
  void run(core::Task work) {
    core().post(std::move(work));
    core().run_once(0);
  }
  void settle() {
    for (int i = 0; i < 4; ++i) core().run_once(0);
  }
  void append(session::Record record, session::Door* door = nullptr) {
    run([this, record = std::move(record), door]() mutable {
      gate->append(kShard, std::move(record), door);
    });
  }
  void checkpoint() {
    bool done = false;
    run([&] { table->checkpoint([&done] { done = true; }); });
    while (!done) core().run_once(0);
  }
  session::ShardState& shard() { return table->shard(kShard); }
  std::string kept(std::string_view topic) {
    const MessagePtr found = shard().retained().find(topic);
    return found ? std::string(as_text(found->payload())) : "";
  }
  std::size_t queued(std::string_view client_id) {
    const session::StoredSession* stored = table->stored(client_id);
    return stored == nullptr ? 0 : stored->queued;
  }

  HeldStore& store;
  ManualClock clock;
  SharedHosts hosts;

 private:
  support::VectorLog log_;
  core::Cores cores_{1, clock};
  routing::RoutingTable routing_;
  session::SessionTables tables_;

 public:
  std::unique_ptr<session::SessionTable> table;
  std::unique_ptr<ReplicaGate> gate;
};

class ReplicaClient {
 public:
  ReplicaClient(ReplicaNode& node, std::string id) : node_(node), id_(std::move(id)) {}
  ReplicaClient(const ReplicaClient&) = delete;
  ReplicaClient& operator=(const ReplicaClient&) = delete;
  ~ReplicaClient() {
    if (session_ != nullptr && !link_.is_closed()) {
      node_.run([this] { session_->connection_lost("end of the test"); });
    }
  }

  void connect() {
    Hello hello = Hello().resume().expiry(1000);
    hello.client_id = id_;
    node_.run([&] { session_ = &node_.table->connect(hello, link_, {}); });
  }
  template <typename Packet>
  void send(Packet packet) {
    node_.run([&] { session_->handle(packet); });
  }
  void subscribe(std::string_view filter, mqtt::Qos qos) {
    mqtt::Subscribe subscribe;
    subscribe.packet_id = 1;
    subscribe.entries.push_back({filter, {.qos = qos}});
    send(subscribe);
  }
  void ack(mqtt::PacketType type, mqtt::PacketId id) {
    mqtt::Ack ack;
    ack.type = type;
    ack.packet_id = id;
    send(ack);
  }
  Lines got() {
    Lines lines;
    for (const mqtt::Packet& packet : link_.take()) lines.push_back(support::line_of(packet));
    if (link_.is_closed()) lines.emplace_back("CLOSED");
    return lines;
  }

 private:
  ReplicaNode& node_;
  const std::string id_;
  support::FakeLink link_{mqtt::ProtocolVersion::v5};
  session::Session* session_ = nullptr;
};

class ReplicaGates : public testing::Test {
 protected:
  SharedLog log;
  HeldStore stores[2];
  std::unique_ptr<ReplicaNode> nodes[2] = {
      std::make_unique<ReplicaNode>(log, stores[0], 0),
      std::make_unique<ReplicaNode>(log, stores[1], 5'000'000)};
  ReplicaNode& a() { return *nodes[0]; }
  ReplicaNode& b() { return *nodes[1]; }

  void SetUp() override {
    make_lead(a());
    commit();
  }
  // Leads from now on; what it begins with isn't committed yet.
  void make_lead(ReplicaNode& node) {
    node.run([&] { node.hosts.lead(kShard); });
  }
  // So many records more are committed, and told everywhere.
  void commit(std::size_t count) {
    log.at(kShard).committed += std::min(count, log.uncommitted(kShard));
    for (auto& node : nodes) {
      if (node != nullptr) node->run([&] { node->hosts.tell(kShard); });
    }
  }
  // All that is proposed, and what is proposed because of it.
  void commit() {
    do {
      commit(log.uncommitted(kShard));
      for (auto& node : nodes) {
        if (node != nullptr) node->settle();
      }
    } while (log.uncommitted(kShard) > 0);
  }
  // From one to the other; of what isn't committed so many records are not lost.
  void move(ReplicaNode& from, ReplicaNode& to, std::size_t kept = 0) {
    from.run([&] { from.hosts.stop_leading(kShard, kept); });
    from.clock.advance_ms(64);
    from.settle();
    make_lead(to);
    commit();
  }
  void restart(int which) {
    const SteadyMs ahead = which == 0 ? 7'000 : 9'000;
    nodes[which] = nullptr;
    nodes[which] = std::make_unique<ReplicaNode>(log, stores[which], ahead);
    nodes[which]->run([&] { nodes[which]->hosts.tell(kShard); });
    nodes[which]->settle();
  }
  // Both write down all they know: it is the same, byte by byte.
  void expect_same_state() {
    commit();
    for (auto& node : nodes) node->checkpoint();
    EXPECT_EQ(stores[0].applied(kShard), stores[1].applied(kShard));
    EXPECT_EQ(stores[0].state_of(kShard), stores[1].state_of(kShard));
  }
};

}  // namespace roost::gates
