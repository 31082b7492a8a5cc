// SPDX-License-Identifier: Apache-2.0
// A session's link that ends in memory: what the broker sends is decoded as a server's stream.
// Congestion is the test's choice: at once, or after so many more packets.
// Thread: core-bound. Owner: Client.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "broker/mqtt/packet.h"
#include "broker/session/access.h"
#include "broker/session/link.h"

namespace roost::support {

class FakeLink final : public session::Link {
 public:
  explicit FakeLink(mqtt::ProtocolVersion version) : version_(version) {}

  // What came since the last call. The packets are views into this link, good as long as it.
  // Throws where the stream is no stream of packets that a server may send.
  std::vector<mqtt::Packet> take();

  bool is_closed() const { return closed_; }
  const std::string& close_reason() const { return why_; }
  // Congested from now on, or after `packets` more; std::nullopt: never.
  void congest_after(std::optional<std::size_t> packets) { packets_left_ = packets; }

  void set_access(session::Access* access) { access_ = access; }

  std::uint8_t* room(std::size_t size) override;
  void send_payload(ByteView payload, const routing::MessagePtr& owner) override;
  bool is_congested() const override { return packets_left_ == std::size_t{0}; }
  session::Access* access() override { return access_; }
  void close(std::string_view why) override;

 private:
  mqtt::ProtocolVersion version_;
  std::vector<std::uint8_t> bytes_;             // not taken yet
  std::deque<std::vector<std::uint8_t>> kept_;  // taken: packets look into them
  std::optional<std::size_t> packets_left_;
  session::Access* access_ = nullptr;
  bool closed_ = false;
  std::string why_;
};

}  // namespace roost::support
