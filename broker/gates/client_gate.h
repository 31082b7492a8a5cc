// SPDX-License-Identifier: Apache-2.0
// Where a client's connection meets its session: frames in, packets decoded, CONNECT judged, and
// the session's Link out. Before CONNECT was accepted it belongs to the core that accepted the
// socket; then it moves to the core of its session. In a cluster the leader of the client id's
// shard decides about CONNECT, and the session may run there: then bytes pass through as they are.
// Thread: core-bound.
// Owner: Gates.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/authenticator.h"
#include "broker/gates/client_limits.h"
#include "broker/mqtt/decode.h"
#include "broker/net/connection.h"
#include "broker/net/listener.h"
#include "broker/session/link.h"
#include "broker/session/session.h"

namespace roost::gates {

class ClientAccess;
class EnhancedSession;
class Gates;
struct FrontClient;

// What a listener wants of its clients. Immutable; outlives the gates.
struct GateListener {
  std::string name;
  std::optional<bool> allow_anonymous;
  auth::Authenticator* authenticator = nullptr;           // null: GatesCommon's
  const auth::EnhancedAuthenticator* enhanced = nullptr;  // null: GatesCommon's
  std::string certificate_user;  // net::fill_in() makes a user name of it; empty: none
  mqtt::Limits limits;           // of packets from its clients
  std::uint32_t connect_size_max = 384 * 1024;  // of a CONNECT; at most limits.packet_size_max
  std::uint64_t connect_timeout_ms = 10'000;
  session::AckMode ack = session::AckMode::quorum;
  net::Listener* listener = nullptr;  // told of every connection that ends
  // Of this process's own clients: no rules, no rates, no limits of users, for what they do was
  // allowed before.
  bool is_inside = false;
};

class ClientGate final : private net::ConnectionEvents, public session::Link {
 public:
  // `admitted`: authentication is behind it (it came from another core); `identity`: what it said.
  ClientGate(Gates& gates, const GateListener& listener, net::DetachedConnection connection,
             bool admitted, auth::IdentityPtr identity, std::string authentication_data);
  ~ClientGate();

  // The authenticator's word on the CONNECT that waits.
  void answered(auth::AuthResult result);
  void resume_reading() { connection_->resume_reading(); }
  std::uint64_t serial() const { return serial_; }

  // --- for RelayFront (front_gate.cc) ---
  const GateListener& listener() const { return listener_; }
  // While the relay knows of it.
  void set_client(FrontClient* client) { client_ = client; }
  // What became of its CONNECT, whose bytes are given again.
  void begin_here(ByteView connect, std::string_view assigned);
  void begin_granted(ByteView connect, std::string_view assigned,
                     const session::Generation& generation);
  void begin_relayed(ByteView connect, std::string_view assigned);
  void refuse_unserved(ByteView connect);
  // Of a relayed client. False: more than should wait for it does now; the relay will be told.
  bool write(ByteView bytes);
  void pause_reading() { connection_->pause_reading(); }
  void kick(mqtt::ReasonCode reason, std::string_view why);  // a session that runs here
  // Not read any more; send_off() comes.
  void begin_leaving() { connection_->pause_reading(); }
  void send_off(mqtt::ReasonCode reason, std::string_view server_reference,
                std::string_view why = "its session's leader is gone or has moved");
  // Requires: its CONNECT isn't decided about yet.
  const auth::IdentityPtr& identity() const;
  const std::string& data_for_connack() const;

  // Link
  std::uint8_t* room(std::size_t size) override;
  void send_payload(ByteView payload, const routing::MessagePtr& owner) override;
  bool is_congested() const override;
  std::uint32_t packet_size_max() const override { return listener_.limits.packet_size_max; }
  session::Access* access() override;
  std::string_view authentication_data() const override;
  void describe(session::ClientFacts& facts) const override;
  session::ClientClass client_class() const override { return class_; }
  void opened() override { connection_->resume_reading(); }
  void departs(session::Departure departure) override;
  void close(std::string_view why) override;

 private:
  // Only while CONNECT is awaited or judged.
  struct Greeting;

  std::size_t on_bytes(ByteView bytes, std::uint64_t& wanted) override;
  void on_drained() override;
  void on_closed(net::CloseReason reason) override;

  bool on_frame(const mqtt::Frame& frame);
  std::uint32_t packet_size_now() const;
  void on_bad_frame(mqtt::FrameStatus status);
  void not_connect();
  void refuse_silently(std::string_view why);
  void greet(const mqtt::Frame& frame);
  void refuse(mqtt::ProtocolVersion version, mqtt::ReasonCode reason, std::string_view why,
              const mqtt::Connect* about);
  bool check_client_id(const mqtt::Connect& connect);
  auth::AuthRequest request_of(const mqtt::Connect& connect) const;
  void keep_connect(const mqtt::Frame& frame);
  void ask(const mqtt::Connect& connect, const mqtt::Frame& frame);
  const auth::EnhancedAuthenticator& enhanced() const;
  void begin_exchange(const mqtt::Connect& connect, const mqtt::Frame& frame);
  void answer_step(auth::EnhancedStep step);
  void on_auth(const mqtt::Frame& frame);
  void set_enhanced(const mqtt::Connect& connect);
  bool handle_auth(const mqtt::Frame& frame);
  bool is_exchanging() const;
  bool judge(const mqtt::Connect& connect, const auth::AuthResult& result);
  bool check_limits(const mqtt::Connect& connect);
  void count_publish(std::size_t bytes);
  bool is_too_fast() const;
  bool is_banned() const;
  void end_banned();
  void note_loss(std::string_view client_id);
  bool check_will(const mqtt::Connect& connect);
  void set_access(const mqtt::Connect& connect, std::string_view assigned);
  void admit(const mqtt::Connect& connect, const mqtt::Frame& frame);
  core::Core& core_of(const mqtt::Connect& connect);
  void hand_over(net::DetachedConnection detached, core::Core& home);
  void open_session(const mqtt::Connect& connect, const mqtt::Frame& frame);
  void greeted(const mqtt::Connect& connect, std::string_view assigned);
  std::size_t relay(ByteView bytes);
  bool is_opening() const { return session_ != nullptr && session_->is_opening(); }
  // CONNECT is being decided about; nothing else is looked at.
  bool is_waiting() const;
  std::string_view user_of(const mqtt::Connect& connect) const;
  std::string who(const mqtt::Connect& connect, std::string_view assigned) const;
  void log(std::string_view what, std::string_view about, std::string_view why);

  Gates& gates_;
  const GateListener& listener_;
  const std::uint64_t serial_;
  session::Session* session_ = nullptr;
  FrontClient* client_ = nullptr;  // in a cluster
  bool ended_well_ = false;        // by DISCONNECT, or by us
  bool gone_ = false;              // no more frames: closing, moved or closed
  session::ClientClass class_ = session::kClientClassesMax;
  bool paused_ = false;  // waits in Gates for the mailboxes of other cores to empty
  mqtt::ProtocolVersion version_ = mqtt::ProtocolVersion::v3_1_1;
  std::string who_;  // for the line at the end; empty when such lines aren't logged
  std::unique_ptr<Greeting> greeting_;
  std::unique_ptr<EnhancedSession> enhanced_;  // null: it came without a method
  std::unique_ptr<PublishRate> rate_;          // null: no limit
  UserPlace user_place_;
  std::unique_ptr<ClientAccess> access_;  // null: its client may do everything
  std::unique_ptr<net::Connection> connection_;

  friend class Gates;
};

}  // namespace roost::gates
