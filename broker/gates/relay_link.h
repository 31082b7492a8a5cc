// SPDX-License-Identifier: Apache-2.0
// At the leader: the way between a session here and its client at another node. What the session
// writes in a turn leaves as data frames at its end, within the window that the front allows; what
// comes is cut into packets, and allowed again once it is taken.
// Thread: core-bound.
// Owner: RelayLeader.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/auth/identity.h"
#include "broker/core/core.h"
#include "broker/gates/client_access.h"
#include "broker/gates/client_limits.h"
#include "broker/gates/enhanced_session.h"
#include "broker/gates/peer_post.h"
#include "broker/gates/relay_frames.h"
#include "broker/gates/session_frames.h"
#include "broker/net/remainder.h"
#include "broker/net/write_queue.h"
#include "broker/session/link.h"
#include "broker/session/session.h"

namespace roost::gates {

// Bytes that may be on their way, each way, beyond what the other side has dealt with. What was
// dealt with is told when it comes to a quarter of that.
inline constexpr std::uint64_t kRelayWindow = std::uint64_t{256} * 1024;
inline constexpr std::uint64_t kRelayCreditMin = kRelayWindow / 4;

// A connection, as leaders name it.
struct RelayKey {
  PeerId front;
  RelayNumber relay = 0;
  friend bool operator==(const RelayKey&, const RelayKey&) = default;
};
struct RelayKeyHash {
  std::size_t operator()(const RelayKey& key) const {
    return mix64(key.relay ^ std::uint64_t{key.front.value} << 48);
  }
};

class RelayLeader;

class RelayLink final : public session::Link, private core::TurnEnd {
 public:
  RelayLink(RelayLeader& leader, const RelayKey& key, ShardId shard, std::string client_id,
            const mqtt::Limits& limits, std::uint64_t epoch);

  const RelayKey& key() const { return key_; }
  ShardId shard() const { return shard_; }
  const std::string& client_id() const { return client_id_; }
  bool is_over() const { return session_ == nullptr; }

  // As its front let it in, perhaps null; before begin().
  void set_identity(auth::IdentityPtr identity);
  void set_enhanced(const mqtt::Connect& connect, const RelayOpen& facts);
  // The session that connect() made with this link.
  void begin(session::Session& session, mqtt::ProtocolVersion version);
  // From the front: bytes of the client, credit, the connection's end.
  void receive(ByteView bytes);
  void credited(std::uint64_t bytes);
  void lost(std::string_view why);
  // The shard is led elsewhere: the front ends the connection. Else the session layer does.
  void moved();
  // Other cores, the disk, the lane to the front are free again, or time is over.
  void go_on();

  // Link
  std::uint8_t* room(std::size_t size) override;
  void send_payload(ByteView payload, const routing::MessagePtr& owner) override;
  bool is_congested() const override { return congested_; }
  std::uint32_t packet_size_max() const override { return limits_.packet_size_max; }
  session::Access* access() override { return access_.get(); }
  std::string_view authentication_data() const override;
  void describe(session::ClientFacts& facts) const override;
  session::ClientClass client_class() const override { return class_; }
  void opened() override;
  void close(std::string_view why) override;

 private:
  static constexpr SteadyMs kLingerMs = 2000;  // for a client that doesn't read, after the end

  void on_turn_end() override { flush(); }
  bool may_read() const { return session_ != nullptr && !session_->is_opening() && !paused_; }
  void read(ByteView bytes);
  std::size_t handle_frames(ByteView bytes, std::uint64_t& wanted);
  void credit();
  bool handle_auth(const mqtt::Frame& frame);
  void count_publish(std::size_t bytes);
  bool has_to_wait() const;
  void call_me_later();
  void wrote();
  void flush();
  void send_piece();
  void say_closed(Goodbye goodbye);

  RelayLeader& leader_;
  const RelayKey key_;
  const ShardId shard_;
  const std::string client_id_;
  const mqtt::Limits limits_;
  const std::uint64_t epoch_;
  mqtt::ProtocolVersion version_ = mqtt::ProtocolVersion::v3_1_1;
  session::Session* session_ = nullptr;  // null: not begun, or over
  auth::IdentityPtr identity_;           // null: nothing is known of it
  std::unique_ptr<ClientAccess> access_;
  std::unique_ptr<EnhancedSession> enhanced_;  // null: it came without a method
  std::unique_ptr<PublishRate> rate_;          // null: no limit

  net::Remainder in_;
  std::uint64_t taken_ = 0;  // bytes not credited to the front yet
  session::ClientClass class_ = session::kClientClassesMax;
  bool paused_ = false;  // waits until others are free
  bool later_ = false;   // go_on() will be called

  net::WriteQueue out_;
  std::uint64_t window_ = kRelayWindow;  // bytes that may still be sent
  bool opened_ = false;                  // told to the front
  bool congested_ = false;
  bool closing_ = false;  // the end is to be told once all is out
  bool close_said_ = false;
  SteadyMs close_by_ms_ = 0;  // or at that time
  std::string why_;
};

}  // namespace roost::gates
