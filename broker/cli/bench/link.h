// SPDX-License-Identifier: Apache-2.0
// One MQTT connection of the load generator: a raw non-blocking socket, CONNECT and CONNACK, and
// frames for whoever derives from it. Nothing is allocated per message.
// Thread: own thread (its loop's).
// Owner: its worker; it outlives the loop's turns.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/cli/bench/loop.h"
#include "broker/cli/bench/options.h"
#include "broker/cli/bench/secure.h"
#include "broker/mqtt/frame.h"
#include "broker/mqtt/packet.h"

namespace roost::cli::bench {

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
};
// The first address of the host with its port or this one, or the Unix socket.
Result<Target> resolve(const Options& options, std::uint16_t port = 0);

// What all links of a run share.
struct LinkSettings {
  Target target;
  mqtt::ProtocolVersion version = mqtt::ProtocolVersion::v3_1_1;
  std::string user_name, password;
  std::uint16_t keep_alive_s = 0;
  const SecureSettings* tls = nullptr;  // null: without
};

enum class LinkState : std::uint8_t { closed, connecting, handshaking, ready };

class Link {
 public:
  Link(Loop& loop, const LinkSettings& settings, std::string client_id);
  virtual ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Begins to connect; on_ready() or on_lost() follows. `source`: n for 127.0.0.n, 0 for any.
  // A session that isn't clean never expires.
  void open(bool clean, std::uint32_t source = 0) { open_at(settings_.target, clean, source); }
  // ... to another place than all others.
  void open_at(const Target& target, bool clean, std::uint32_t source = 0);
  // With TLS: what the next open() offers to resume.
  void resume(SessionPtr session) { session_ = std::move(session); }
  // Writes what waits as far as it goes, DISCONNECT, FIN.
  void close();
  // As if the cable were cut. No callback.
  void drop();

  LinkState state() const { return state_; }
  bool is_ready() const { return state_ == LinkState::ready; }
  const std::string& client_id() const { return client_id_; }
  const Secure* tls() const { return tls_.get(); }  // null: without, or closed

  // For the loop.
  void on_events(std::uint32_t events);
  void flush();

 protected:
  // CONNACK came with success.
  virtual void on_ready(const mqtt::Connack& connack) = 0;
  virtual void on_frame(const mqtt::Frame& frame) = 0;
  // Refused or ended by the other side; the link is closed already.
  virtual void on_lost(std::string_view why) = 0;

  // Room for `size` bytes at the end of what will be written this turn.
  std::uint8_t* room(std::size_t size);
  void send(const mqtt::Packet& packet);
  // Four bytes, reason success.
  void send_ack(mqtt::PacketType type, mqtt::PacketId id);
  std::size_t unwritten() const { return out_.size() - out_sent_; }

  Loop& loop_;
  const LinkSettings& settings_;

 private:
  void on_connected();
  void read();
  bool read_once();
  ssize_t receive(std::span<std::uint8_t> room);
  ssize_t send_some();
  void parse(std::span<const std::uint8_t> bytes);
  void handle_connack(const mqtt::Frame& frame);
  void lose(std::string_view why);
  void mark_dirty();

  std::string client_id_;
  int fd_ = -1;
  std::unique_ptr<Secure> tls_;
  SessionPtr session_{nullptr, &::SSL_SESSION_free};
  LinkState state_ = LinkState::closed;
  bool clean_ = true;
  bool dirty_ = false;
  bool waits_to_write_ = false;
  std::vector<std::uint8_t> out_;
  std::size_t out_sent_ = 0;
  std::vector<std::uint8_t> partial_;  // the front of a packet that isn't complete yet
};

}  // namespace roost::cli::bench
