// SPDX-License-Identifier: Apache-2.0
// The client's side of WebSocket (RFC 6455) as a pure machine: the upgrade, masked frames out,
// frames in as a plain stream of bytes.
// Thread: any thread (pure).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/bytes.h"

namespace roost::client {

// The request that asks for subprotocol "mqtt". `key`: 16 random bytes in Base64.
std::string upgrade_request(std::string_view host, std::uint16_t port, std::string_view path,
                            std::string_view key);
// Sec-WebSocket-Accept for `key`.
std::string upgrade_answer(std::string_view key);
// Empty if `head` (up to its empty line) accepts what was asked for, else a sentence.
std::string check_upgrade(std::string_view head, std::string_view key);

enum class Opcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

// Appends one whole frame, masked with `mask`.
void append_frame(Opcode opcode, ByteView payload, std::uint32_t mask,
                  std::vector<std::uint8_t>& out);

class FrameReader {
 public:
  // Appends what the frames carry to `data`, and payloads of pings to be answered to `pings`.
  // False once the peer closed or broke the rules.
  bool feed(ByteView bytes, std::vector<std::uint8_t>& data,
            std::vector<std::vector<std::uint8_t>>& pings);

 private:
  static constexpr std::uint64_t kControlMax = 125;

  bool take_header();

  std::vector<std::uint8_t> header_;  // as far as it has come
  Opcode opcode_ = Opcode::binary;
  std::uint64_t left_ = 0;  // payload bytes of the frame still to come
  bool in_payload_ = false;
  std::vector<std::uint8_t> control_;  // payload of a control frame
};

}  // namespace roost::client
