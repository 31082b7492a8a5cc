// SPDX-License-Identifier: Apache-2.0
// All client gates of one core.
// Thread: core-bound; post() from any thread through the core.
// Owner: the server's per-core wiring.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/auth/authenticator.h"
#include "broker/auth/ban_list.h"
#include "broker/base/clock.h"
#include "broker/base/counter.h"
#include "broker/base/log.h"
#include "broker/gates/client_access.h"
#include "broker/gates/client_classes.h"
#include "broker/gates/client_gate.h"
#include "broker/gates/client_limits.h"
#include "broker/gates/session_frames.h"
#include "broker/observe/rate_limiter.h"
#include "broker/session/session_table.h"

namespace roost::gates {

class RelayFront;

struct GateCounters {
  Counter refused_authentication;  // wrong or missing user name, password
  Counter refused_door_closed;     // remote client of a broker without authentication
  Counter refused_malformed;       // CONNECT that can't be read, or none at all
  Counter refused_too_large;       // CONNECT over its listener's connect_size_max
  Counter refused_will;            // its topic isn't allowed
  Counter refused_version;
  Counter refused_client_id;
  Counter refused_banned;     // by client id or user name
  Counter refused_user_full;  // its user has max_connections_per_user
  Counter refused_flapping;   // loses its connections too often
  Counter rate_exceeded;      // times that a client's PUBLISHes came too fast
  Counter refused_busy;       // the authenticator's queue is full
  Counter connect_timeouts;
  Counter moved;         // went to the core of their session
  Counter reads_paused;  // publishers that waited for another core's mailbox
};

// What the gates of a node share.
struct GatesCommon {
  std::vector<class Gates*> gates;  // by core; filled before the cores start
  auth::Authenticator& authenticator;
  const auth::EnhancedAuthenticator& enhanced;
  observe::RateBoundLog& log;
  const Clock& clock;
  const ClientLimits limits = {};
  auth::BanList* bans = nullptr;  // null: nobody is banned
  UserCounts users{limits.connections_per_user_max};
  ClientClasses classes = {};  // before the cores start
};

class Gates final : private core::TurnEnd, private core::Timer {
 public:
  Gates(GatesCommon& common, session::SessionTable& sessions, net::NetCounters& net_counters);
  ~Gates() override;
  // In a cluster; before the core runs. It outlives the gates.
  void use(RelayFront& relay) { relay_ = &relay; }
  // What clients may do from now on, whoever has come already too. Before the core runs, or in a
  // turn of it.
  void use(auth::RulesPtr rules);

  // A connection whose transport is ready; on the accepting core. Where its CONNECT has come
  // already it goes to the core of its session at once, so that it never has to move again.
  void accept(const GateListener& listener, net::DetachedConnection connection);
  // From now on there are no new sessions: who has none is closed, and so is who comes later.
  void shut();
  // Closes all connections at once; the session layer has said goodbye before.
  void close_all();
  std::size_t size() const { return gates_.size(); }
  // Publishers should wait: another core or the disk falls behind.
  bool is_congested() {
    return sessions_.router().is_congested() || sessions_.log().is_congested();
  }
  const GateCounters& counters() const { return counters_; }

  // --- for ClientGate ---
  GateCounters& counters() { return counters_; }
  GatesCommon& common() { return common_; }
  session::SessionTable& sessions() { return sessions_; }
  core::Core& core() { return sessions_.core(); }
  net::NetCounters& net_counters() { return net_counters_; }
  std::uint64_t next_serial() { return ++last_serial_; }
  // One that was let in, as `identity` (null: nothing depends on it).
  void adopt(const GateListener& listener, net::DetachedConnection connection,
             auth::IdentityPtr identity, std::string authentication_data) {
    take(listener, std::move(connection), true, std::move(identity),
         std::move(authentication_data));
  }
  const auth::RulesPtr& rules() const { return in_force_.rules; }  // null: all is allowed
  // Null: it may do everything.
  std::unique_ptr<ClientAccess> make_access(std::string_view client_id, auth::IdentityPtr identity);
  void bury(ClientGate& gate);
  // Its answer is known, and comes in a turn of its own.
  void answer_later(const ClientGate& gate, auth::AuthResult result);
  void await_answer(ClientGate& gate, auth::AuthRequest request);
  void pause(ClientGate& gate);
  LossRate& losses() { return losses_; }
  // Ends the connections of who is banned now.
  void end_banned();
  PacketScratch& scratch() { return scratch_; }
  RelayFront* relay() { return relay_; }                     // null: a node alone
  ClientGate* find(std::uint64_t serial);                    // null: gone
  std::vector<std::uint64_t> with_durable_sessions() const;  // serials of those that run here
  // A client id of ours that belongs to this core.
  std::string make_client_id();

 private:
  static constexpr std::uint32_t kPauseMs = 16;

  void take(const GateListener& listener, net::DetachedConnection connection, bool admitted,
            auth::IdentityPtr identity = nullptr, std::string authentication_data = {});
  void on_turn_end() override;
  void on_timer() override;
  void answered(std::uint64_t serial, auth::AuthResult result);

  GatesCommon& common_;
  RelayFront* relay_ = nullptr;
  session::SessionTable& sessions_;
  net::NetCounters& net_counters_;
  GateCounters counters_;
  std::unordered_map<std::uint64_t, std::unique_ptr<ClientGate>> gates_;  // by serial
  std::vector<std::unique_ptr<ClientGate>> graveyard_;
  std::vector<std::uint64_t> paused_;
  std::uint64_t last_serial_ = 0;
  bool shut_ = false;
  PacketScratch scratch_;
  RulesInForce in_force_;
  LossRate losses_;
  std::mt19937_64 random_;
};

}  // namespace roost::gates
