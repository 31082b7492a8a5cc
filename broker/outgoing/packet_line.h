// SPDX-License-Identifier: Apache-2.0
// MQTT packets over a connected stream, as a client: no session, no packet ids, no timers; whoever
// owns it knows what the packets mean.
// Thread: own thread (its loop's).
// Owner: its Events. May be destroyed at any time except inside a callback of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/bytes.h"
#include "broker/client/loop.h"
#include "broker/client/stream.h"
#include "broker/mqtt/packet.h"

namespace roost::outgoing {

class PacketLine {
 public:
  class Events {
   public:
    // Views are valid during the call.
    virtual void on_packet(PacketLine& from, const mqtt::Packet& packet) = 0;
    // What waited to be written fell to kBacklogLow after it had been over kBacklogHigh.
    virtual void on_room(PacketLine& line) = 0;
    // The end, once; nothing comes after it.
    virtual void on_lost(PacketLine& line, const std::string& why) = 0;

   protected:
    ~Events() = default;
  };

  static constexpr std::size_t kBacklogHigh = 1024 * 1024, kBacklogLow = 256 * 1024;

  // `stream` is connected.
  PacketLine(client::Loop& loop, std::shared_ptr<client::Stream> stream,
             mqtt::ProtocolVersion version, Events& events);
  ~PacketLine();  // closes the stream at once
  PacketLine(const PacketLine&) = delete;
  PacketLine& operator=(const PacketLine&) = delete;

  void start();  // reading
  // Written in the order of the calls, at the end of the loop's turn.
  void send(const mqtt::Packet& packet);
  void send_encoded(ByteView packet);
  bool is_congested() const { return is_congested_; }
  bool is_over() const { return is_over_; }
  bool is_paused() const { return is_paused_; }
  // What was received and not handled waits.
  void pause();
  void resume();
  // Writes what waits, then closes the stream and calls back no more.
  void finish();
  // Bytes came, or were sent, since the last call with that name.
  bool has_heard() { return std::exchange(has_heard_, false); }
  bool has_said() { return std::exchange(has_said_, false); }

 private:
  void read_more();
  void take(ByteView bytes);
  std::size_t handle(ByteView bytes);
  void flush_soon();
  void flush();
  void lose(const std::string& why);

  client::Loop& loop_;
  const std::shared_ptr<client::Stream> stream_;
  const mqtt::ProtocolVersion version_;
  Events& events_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool is_over_ = false, is_finishing_ = false, is_paused_ = false, is_reading_ = false;
  bool is_congested_ = false, is_flush_due_ = false, has_heard_ = false, has_said_ = false;
  std::vector<std::uint8_t> in_;             // the beginning of a packet, or what waits
  std::vector<std::uint8_t> out_, writing_;  // written next, and now
};

}  // namespace roost::outgoing
