// SPDX-License-Identifier: Apache-2.0
#include "broker/client/websocket_frames.h"

#include <gtest/gtest.h>

namespace roost::client {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A server's frame, unmasked.
Bytes server_frame(Opcode opcode, const Bytes& payload) {
  Bytes out;
  out.push_back(static_cast<std::uint8_t>(0x80 | static_cast<unsigned>(opcode)));
  if (payload.size() < 126) {
    out.push_back(static_cast<std::uint8_t>(payload.size()));
  } else {
    out.push_back(126);
    out.push_back(static_cast<std::uint8_t>(payload.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(payload.size()));
  }
  for (const std::uint8_t byte : payload) out.push_back(byte);
  return out;
}

TEST(WebsocketUpgrade, AnswersTheExampleOfTheRfc) {
  EXPECT_EQ(upgrade_answer("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebsocketUpgrade, AcceptsOnlyTheRightAnswer) {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  const std::string good =
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \r\n";
  EXPECT_EQ(check_upgrade(good, key), "");
  EXPECT_NE(check_upgrade(good, "another"), "");
  EXPECT_NE(check_upgrade("HTTP/1.1 404 Not Found\r\n", key), "");
}

TEST(WebsocketUpgrade, AsksForMqtt) {
  const std::string request = upgrade_request("::1", 80, "mqtt", "k");
  EXPECT_TRUE(request.starts_with("GET /mqtt HTTP/1.1\r\nHost: [::1]:80\r\n"));
  EXPECT_NE(request.find("Sec-WebSocket-Protocol: mqtt\r\n"), std::string::npos);
  EXPECT_TRUE(request.ends_with("\r\n\r\n"));
}

TEST(WebsocketFrames, AreMaskedWithLengthsInThreeSizes) {
  for (const std::size_t size : {0U, 125U, 126U, 65535U, 65536U}) {
    Bytes out;
    append_frame(Opcode::binary, Bytes(size, 'x'), 0x01020304, out);
    const std::size_t header = size < 126 ? 6 : size < 65536 ? 8 : 14;
    ASSERT_EQ(out.size(), header + size);
    EXPECT_EQ(out[0], 0x82);
    EXPECT_NE(out[1] & 0x80, 0);
    if (size > 1) {
      EXPECT_EQ(out[header], 'x' ^ 1);
      EXPECT_EQ(out[header + 1], 'x' ^ 2);
    }
  }
}

TEST(FrameReader, ReadsTheSameHoweverTheBytesAreSplit) {
  Bytes wire;
  for (const Bytes& frame :
       {server_frame(Opcode::binary, {1, 2, 3}), server_frame(Opcode::ping, {9}),
        server_frame(Opcode::binary, {}), server_frame(Opcode::binary, Bytes(300, 7)),
        server_frame(Opcode::continuation, {4})}) {
    wire.insert(wire.end(), frame.begin(), frame.end());
  }
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    FrameReader reader;
    Bytes data;
    std::vector<Bytes> pings;
    for (std::size_t at = 0; at < wire.size(); at += step) {
      const auto part = ByteView(wire).subspan(at, std::min(step, wire.size() - at));
      ASSERT_TRUE(reader.feed(part, data, pings));
    }
    ASSERT_EQ(data.size(), 304U) << step;
    EXPECT_EQ(data[2], 3);
    EXPECT_EQ(data.back(), 4);
    EXPECT_EQ(pings, std::vector<Bytes>{{9}});
  }
}

TEST(FrameReader, EndsAtACloseOrABrokenRule) {
  const Bytes bad[] = {server_frame(Opcode::close, {}),
                       {0x82, 0x81, 1, 2, 3, 4, 5},
                       {0xC2, 0x00},
                       server_frame(Opcode::ping, Bytes(126, 1))};
  for (const Bytes& wire : bad) {
    FrameReader reader;
    Bytes data;
    std::vector<Bytes> pings;
    EXPECT_FALSE(reader.feed(wire, data, pings));
  }
}

}  // namespace
}  // namespace roost::client
