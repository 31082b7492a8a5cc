// SPDX-License-Identifier: Apache-2.0
// An MQTT 5 client of this very node, on a connection of InsideDoor: clean start, an assigned
// client id. Sends no more QoS 1 and 2 than the server's Receive Maximum allows; what its
// connection lost is lost, for its owner to tell. Thread: core-bound (InsideDoor's). Owner: its
// Events; may be destroyed in on_lost(), or outside of callbacks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/timer_wheel.h"
#include "broker/mqtt/frame.h"
#include "broker/mqtt/packet.h"
#include "broker/net/connection.h"

namespace roost::server {

class InsideClient final : private net::ConnectionEvents, private core::Timer {
 public:
  class Events {
   public:
    virtual void on_open() = 0;
    // There is room to publish again.
    virtual void on_room() {}
    // The outcome of publish() under that ticket: PUBACK's, PUBREC's or PUBCOMP's word.
    virtual void on_published(std::uint64_t, mqtt::ReasonCode) {}
    virtual void on_suback(const mqtt::Suback&) {}
    // Views are valid during the call.
    virtual void on_message(const mqtt::Publish&) {}
    // The end: the server's word, or success where it said none. Nothing comes after it.
    virtual void on_lost(mqtt::ReasonCode reason, const std::string& why) = 0;

   protected:
    ~Events() = default;
  };

  // `receive_maximum`: QoS 1 and 2 messages that may come before the first of them is acknowledged.
  InsideClient(core::Core& core, net::DetachedConnection connection, std::uint16_t receive_maximum,
               Events& events, net::NetCounters& counters);
  ~InsideClient() override;

  bool is_open() const { return is_open_ && !is_over_; }
  // Largest packet that the server takes.
  std::uint32_t packet_size_max() const { return packet_size_max_; }
  bool has_room(mqtt::Qos qos) const;
  // Requires: has_room(). Sets the packet id. QoS 0 has no outcome.
  void publish(mqtt::Publish& message, std::uint64_t ticket);
  void subscribe(mqtt::Subscribe& packet);
  // Messages wait, in the end in the session's queue.
  void pause();
  void resume();
  // DISCONNECT; on_lost() follows.
  void close();

 private:
  std::size_t on_bytes(ByteView bytes, std::uint64_t& wanted) override;
  void on_drained() override;
  void on_closed(net::CloseReason reason) override;
  void on_timer() override;

  void handle(const mqtt::Frame& frame);
  void handle(const mqtt::Connack& connack);
  void handle(const mqtt::Publish& message);
  void handle(const mqtt::Ack& ack);
  void finish(mqtt::PacketId id, mqtt::ReasonCode reason);
  void lose(mqtt::ReasonCode reason, std::string why);
  void send(const mqtt::Packet& packet);
  void send_ack(mqtt::PacketType type, mqtt::PacketId id);
  mqtt::PacketId next_id();

  struct Sent {
    std::uint64_t ticket = 0;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    mqtt::ReasonCode reason = mqtt::ReasonCode::success;  // QoS 2: PUBREC's
  };

  core::Core& core_;
  Events& events_;
  bool is_open_ = false;
  bool is_over_ = false;  // no more packets, only on_lost()
  bool is_paused_ = false;
  mqtt::ReasonCode end_reason_ = mqtt::ReasonCode::success;
  std::string end_why_;
  std::uint32_t packet_size_max_ = 0;
  std::uint16_t window_ = 0;
  std::uint16_t keep_alive_s_ = 0;  // 0: none
  mqtt::PacketId last_id_ = 0;
  std::unordered_map<mqtt::PacketId, Sent> sent_;
  std::vector<std::uint8_t> out_;
  net::Connection connection_;
};

}  // namespace roost::server
