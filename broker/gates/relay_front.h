// SPDX-License-Identifier: Apache-2.0
// In a cluster, at the node that has the client's socket: asks the leader of the client id's shard
// what is to become of a CONNECT, carries bytes to and from a session that runs there, and knows
// the clean sessions that it lets run here. When a leader is gone or has moved, who was relayed to
// it is sent off at a pace; clean sessions stay. REPLICATION "Session ownership"
// Thread: core-bound.
// Owner: Relay, one a core.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/core/timer_wheel.h"
#include "broker/gates/client_gate.h"
#include "broker/gates/leader_view.h"
#include "broker/gates/peer_post.h"
#include "broker/gates/relay_frames.h"
#include "broker/gates/relay_leader.h"

namespace roost::gates {

struct RelaySettings {
  std::uint32_t send_off_per_s = 200;  // clients a second and core
  SteadyMs unserved_ms = 5000;         // a CONNECT waits so long for a leader that takes it
  // Without any other node so long: a CONNECT doesn't wait any more, and where the coordinator
  // isn't reached either this node is cut off, and what it led others lead.
  SteadyMs alone_ms = 1000;
  std::string server_reference;  // where who is sent off by a stopping node shall go
};

struct RelayFrontCounters {
  Counter relayed;   // now
  Counter granted;   // clean sessions, now
  Counter sent_off;  // their leader was gone or had moved
  Counter unserved;  // CONNECTs that found no leader
};

// A client whose CONNECT was let in, until its leader needn't know of it any more.
struct FrontClient {
  enum class State : std::uint8_t {
    waiting,  // for a leader
    asked,    // it was told of the CONNECT
    granted,  // a clean session, here
    relayed,
    left,  // a clean session is over, and its leader doesn't know it for certain
  };
  struct Asking {
    std::vector<std::uint8_t> connect;
    std::string assigned_client_id;
    SteadyMs since_ms = 0;
  };

  RelayNumber number = 0;
  std::uint64_t epoch = 0;  // of the leader that was asked
  PeerId leader = kNoPeer;
  ShardId shard;
  State state = State::waiting;
  bool has_record = false;  // `left` must arrive
  bool is_blocked = false;  // relayed: not read until credit comes
  session::Departure departure = session::Departure::lost;
  ClientGate* gate = nullptr;  // null: its socket is gone
  session::Generation generation;
  std::uint64_t window = 0;  // relayed: bytes that may be sent
  std::uint64_t taken = 0;   // relayed: bytes from the leader that were not credited
  std::string client_id;
  std::unique_ptr<Asking> asking;  // until it is decided
};

class RelayFront final : public OwnFront, private core::Timer {
 public:
  RelayFront(Gates& gates, PeerPost& post, const LeaderView& leaders, RelayLeader& leader,
             const RelaySettings& settings);
  ~RelayFront() override;

  // --- for ClientGate ---
  // CONNECT was let in; `gate.client()` is set from then on. The gate is told what became of it:
  // begin_here(), begin_granted(), begin_relayed(), refuse_unserved(), close(), perhaps at once.
  void open(ClientGate& gate, ByteView connect, std::string_view client_id,
            std::string_view assigned_client_id);
  // Bytes of a relayed client; returns how many were taken. More when it is resumed.
  std::size_t take(FrontClient& client, ByteView bytes);
  // The client has read what waited for it.
  void drained(FrontClient& client);
  // Its own leader's lane is so full that it should wait.
  bool is_congested(const FrontClient& client) const {
    return client.leader != kNoPeer && post_.is_congested(client.leader);
  }
  // CONNECT waited too long: it is refused.
  void give_up(FrontClient& client);
  // Its connection is over; `client` must not be used any more.
  void lost(FrontClient& client, std::string_view why);

  // OwnFront, and from leaders
  void receive(PeerId from, ShardId shard, const RelayGranted& frame) override;
  void receive(PeerId from, ShardId shard, const RelayRefused& frame) override;
  void receive(PeerId from, ShardId shard, const RelayClose& frame) override;
  void receive(PeerId from, ShardId shard, const RelayClosed& frame) override;
  void run_here(ShardId shard, RelayNumber relay) override;
  void receive(PeerId from, ShardId shard, const RelayOpened& frame);
  void receive(PeerId from, ShardId shard, const RelayData& frame);
  void receive(PeerId from, ShardId shard, const RelayCredit& frame);
  void peer_up() {
    alone_since_ms_ = 0;
    is_cut_off_ = false;
  }
  void peer_down(PeerId peer);
  void leader_changed(ShardId shard, PeerId leader, std::uint64_t epoch);

  // This node is about to stop: at most so many relayed clients are sent off at once.
  void send_off_some(std::size_t count, mqtt::ReasonCode reason);
  bool is_sending_off() const { return !leaving_.empty(); }
  const RelayFrontCounters& counters() const { return counters_; }

 private:
  static constexpr SteadyMs kTickMs = 100;
  static constexpr unsigned kCoreBits = 6;  // core::Cores has 64 at most
  static constexpr std::size_t kClaimsBytesMax = std::size_t{64} * 1024;  // of one frame, about

  // A gate that is to be closed when its turn comes.
  struct Leaving {
    std::uint64_t serial = 0;
    mqtt::ReasonCode reason = mqtt::ReasonCode::server_shutting_down;
    bool is_led_here = false;  // its session
  };

  void on_timer() override;
  bool has_waited(const FrontClient& client) const;
  void look_if_cut_off();
  RelayNumber next_number() { return ++last_number_ << kCoreBits | gates_.core().id().value; }
  using Clients = std::unordered_map<RelayNumber, std::unique_ptr<FrontClient>>;

  Clients& of(ShardId shard) { return clients_[shard.value]; }
  FrontClient* find(ShardId shard, RelayNumber number, PeerId from);
  // To the leader that it was last said to have.
  template <typename T>
  void tell(const FrontClient& client, const T& frame) {
    if (client.leader == kThisNode) {
      leader_.receive(kThisNode, client.shard, frame);
    } else if (client.leader != kNoPeer) {
      add_relay_frame(client.shard, frame, post_.out(client.leader));
    }
  }
  void ask(FrontClient& client);
  void wait(FrontClient& client);
  void number_anew(FrontClient& client);
  void not_wanted(PeerId leader, ShardId shard, RelayNumber relay);
  void ask_again();
  void announce(ShardId shard, PeerId leader, std::uint64_t epoch);
  std::vector<RelayClaims> claims_of(ShardId shard, std::uint64_t epoch);
  void say_left(const FrontClient& client);
  void gone(FrontClient& client);
  ClientGate& detach(FrontClient& client);
  void send_off(FrontClient& client, mqtt::ReasonCode reason);
  void send_off_next();
  void erase(const FrontClient& client) { of(client.shard).erase(client.number); }
  static std::vector<FrontClient*> in_order(const Clients& clients);

  Gates& gates_;
  PeerPost& post_;
  const LeaderView& leaders_;
  RelayLeader& leader_;
  const RelaySettings settings_;
  RelayFrontCounters counters_;
  std::uint64_t last_number_ = 0;
  std::array<Clients, kClusterShardsMax> clients_;  // by shard: leaders change shard by shard
  std::vector<std::pair<ShardId, RelayNumber>> waiting_;
  std::deque<Leaving> leaving_;
  SteadyMs alone_since_ms_ = 0;  // the last of the other nodes was lost; 0: one is there
  bool is_cut_off_ = false;
  std::uint64_t owed_ = 0;  // thousandths of clients that may be sent off
};

}  // namespace roost::gates
