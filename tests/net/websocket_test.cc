// SPDX-License-Identifier: Apache-2.0
#include "broker/net/websocket.h"

#include <gmock/gmock.h>

#include <array>
#include <random>
#include <string>

#include "broker/net/http_upgrade.h"
#include "tests/net/filter_text.h"
#include "tests/net/websocket_text.h"

namespace roost::net {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

FilterRun run_split(const std::string& wire, const std::string& path = "") {
  return ::roost::net::run_split([&] { return make_websocket_filter(path); }, wire);
}

// The frames' part of a run that began with an upgrade.
std::string answers(const FilterRun& run) { return run.wire.substr(run.wire.find("\r\n\r\n") + 4); }

// --- the upgrade ---

TEST(WebSocket, UpgradesAsTheRfcShowsIt) {
  const FilterRun run = run_split(upgrade());
  EXPECT_EQ(run.status, FilterStatus::ok);
  EXPECT_TRUE(run.handshake_done);
  EXPECT_EQ(run.wire,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
}

TEST(WebSocket, AcceptsWhatBrowsersAndLibrariesSend) {
  const struct {
    std::string headers;
    std::string subprotocol;  // that comes back
  } cases[] = {
      {"connection: keep-alive, Upgrade\r\nUPGRADE: WebSocket\r\nOrigin: http://x\r\n", ""},
      {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqttv3.1\r\n",
       "mqttv3.1"},
      {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: x, mqttv3.1,mqtt\r\n",
       "mqttv3.1"},
      {"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: x\r\n"
       "Sec-WebSocket-Protocol:mqtt\t\r\n",
       "mqtt"},
      {"Connection: Upgrade\r\nUpgrade: websocket\r\n"
       "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
       ""},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.headers);
    const FilterRun run = run_split(
        "GET /any/path?query HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
        each.headers + "\r\n");
    EXPECT_THAT(run.wire, StartsWith("HTTP/1.1 101 "));
    EXPECT_TRUE(run.handshake_done);
    EXPECT_THAT(run.wire, Not(HasSubstr("Extensions")));
    if (each.subprotocol.empty()) {
      EXPECT_THAT(run.wire, Not(HasSubstr("Protocol:")));
    } else {
      EXPECT_THAT(run.wire, HasSubstr("Sec-WebSocket-Protocol: " + each.subprotocol + "\r\n"));
    }
  }
}

TEST(WebSocket, RefusesOtherRequestsInHttp) {
  const std::string good = upgrade();
  const auto replaced = [&](const std::string& what, const std::string& with) {
    std::string text = good;
    return text.replace(text.find(what), what.size(), with);
  };
  const struct {
    std::string request;
    std::string status;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "426"},
      {replaced("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), "426"},
      {replaced("HTTP/1.1", "HTTP/1.0"), "426"},
      {replaced("GET", "POST"), "405"},
      {replaced("dGhlIHNhbXBsZSBub25jZQ==", "short"), "400"},
      {replaced("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ!="), "400"},
      {replaced("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), "400"},
      {replaced(": mqtt\r\n", ": chat, superchat\r\n"), "400"},
      {replaced("Host: h", "Host h"), "400"},
      {replaced("Host: h", "Host: h\r\n folded"), "400"},
      {replaced(" HTTP/1.1", ""), "400"},
      {"\x10\x0E\x00\x04MQTT\x04\x02\x00\x3C"s, "400"},
      {"GET /" + std::string(kUpgradeSizeMax, 'x'), "431"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.request.substr(0, 300));
    const auto filter = make_websocket_filter("");
    FilterRun run;
    feed(*filter, each.request, run);
    EXPECT_EQ(run.status, FilterStatus::failed);
    EXPECT_THAT(run.wire, StartsWith("HTTP/1.1 " + each.status + ' '));
    EXPECT_THAT(run.wire, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(run.error, StartsWith("HTTP " + each.status));
    EXPECT_FALSE(run.handshake_done);
    feed(*filter, upgrade(), run);
    EXPECT_EQ(run.status, FilterStatus::failed);
  }
}

TEST(WebSocket, ServesOnlyItsPathWhereOneIsSet) {
  EXPECT_THAT(run_split(upgrade("/mqtt"), "/mqtt").wire, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(run_split(upgrade("/mqtt?token=1"), "/mqtt").wire, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(run_split(upgrade("/other"), "/mqtt").wire, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(run_split(upgrade("/mqtt/"), "/mqtt").wire, StartsWith("HTTP/1.1 404 "));
}

// --- frames ---

TEST(WebSocket, PassesOnBinaryPayloadsWhereverTheyAreSplit) {
  const FilterRun run = run_split(upgrade() + frame(kBinary, "one ") + frame(kBinary, "two ") +
                                  frame(kBinary, "") + frame(kBinary, "three"));
  EXPECT_EQ(run.status, FilterStatus::ok);
  EXPECT_EQ(run.app, "one two three");
  EXPECT_EQ(answers(run), "");
}

TEST(WebSocket, TakesAllThreeFormsOfLength) {
  for (const std::size_t size : {125U, 126U, 127U, 4'096U, 65'535U, 65'536U, 300'000U}) {
    std::string payload(size, '.');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7);
    const auto filter = make_websocket_filter("");
    FilterRun run;
    feed(*filter, upgrade() + frame(kBinary, payload) + frame(kBinary, "tail"), run);
    EXPECT_EQ(run.app, payload + "tail");
    FilterOutput wire;
    filter->to_wire(as_bytes(payload), wire);
    const auto [opcode, got, rest] = parse_server_frame(as_text(wire));
    EXPECT_EQ(opcode, kBinary);
    EXPECT_EQ(got, payload);
    EXPECT_EQ(rest, "");
  }
}

TEST(WebSocket, JoinsFragmentsWithControlFramesInBetween) {
  const FilterRun run = run_split(
      upgrade() + frame(kBinary, "frag", false) + frame(kPing, "are you there?") +
      frame(kContinuation, "men", false) + frame(kPong, "unasked") + frame(kContinuation, "ted"));
  EXPECT_EQ(run.status, FilterStatus::ok);
  EXPECT_EQ(run.app, "fragmented");
  EXPECT_EQ(answers(run),
            "\x8A\x0E"
            "are you there?");
}

TEST(WebSocket, AnswersAPingOfAnySizeItMayHave) {
  for (const std::size_t size : {0U, 1U, 125U}) {
    const std::string payload(size, 'p');
    const FilterRun run = run_split(upgrade() + frame(kPing, payload));
    const auto [opcode, got, rest] = parse_server_frame(answers(run));
    EXPECT_EQ(opcode, kPong);
    EXPECT_EQ(got, payload);
  }
}

TEST(WebSocket, AnswersACloseAndIsClosed) {
  const FilterRun run =
      run_split(upgrade() + frame(kBinary, "last") + frame(kClose, "\x03\xE9"s + "away"));
  EXPECT_EQ(run.status, FilterStatus::closed);
  EXPECT_EQ(run.app, "last");
  EXPECT_EQ(answers(run), "\x88\x02\x03\xE8"s);
}

TEST(WebSocket, RefusesWhatItMustWithTheRightCode) {
  const struct {
    std::string frames;
    int code;
  } cases[] = {
      {frame(kText, "text"), 1003},
      {frame(kText, ""), 1003},
      {"\x82\x03"s + "raw", 1002},
      {"\x82\x00"s, 1002},
      {frame(kContinuation, "of nothing"), 1002},
      {frame(kBinary, "a", false) + frame(kBinary, "b"), 1002},
      {"\xC2\x81mask"s + "x", 1002},
      {frame(0x3, "reserved"), 1002},
      {frame(0xB, "reserved"), 1002},
      {frame(kPing, "fragmented", false), 1002},
      {frame(kPing, std::string(126, 'x')), 1002},
      {frame(kClose, std::string(126, 'x')), 1002},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(::testing::PrintToString(each.frames));
    const FilterRun run = run_split(upgrade() + frame(kBinary, "good ") + each.frames);
    EXPECT_EQ(run.status, FilterStatus::failed);
    EXPECT_EQ(run.app.substr(0, 5), "good ");
    const auto [opcode, got, rest] = parse_server_frame(answers(run));
    EXPECT_EQ(opcode, kClose);
    EXPECT_EQ(got, std::string({static_cast<char>(each.code >> 8), static_cast<char>(each.code)}));
    EXPECT_NE(run.error, "");
  }
}

TEST(WebSocket, WrapsWhatIsWrittenInBinaryFramesOnceUpgraded) {
  const auto filter = make_websocket_filter("");
  FilterOutput wire;
  filter->to_wire(as_bytes("early"), wire);
  EXPECT_TRUE(wire.empty());
  FilterRun run;
  feed(*filter, upgrade(), run);
  EXPECT_EQ(answers(run),
            "\x82\x05"
            "early");
  filter->to_wire(as_bytes("packet"), wire);
  EXPECT_EQ(as_text(wire), "\x82\x06packet");
  wire.clear();
  filter->end(wire);
  EXPECT_EQ(as_text(wire), "\x88\x02\x03\xE8"s);
  wire.clear();
  filter->to_wire(as_bytes("too late"), wire);
  filter->end(wire);
  EXPECT_TRUE(wire.empty());
}

TEST(WebSocket, StreamsRandomFramesInRandomPieces) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    std::string wire = upgrade();
    std::string expected;
    bool in_message = false;
    for (int i = 0; i < 100; ++i) {
      if (random() % 4 == 0) wire += frame(kPing, std::string(random() % 126, 'p'));
      const std::string payload(random() % (1U << (random() % 15)), static_cast<char>(random()));
      const bool final = random() % 2 == 0;
      wire += frame(in_message ? kContinuation : kBinary, payload, final);
      in_message = !final;
      expected += payload;
    }
    const auto filter = make_websocket_filter("");
    FilterRun run;
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t size = 1 + random() % 5'000;
      feed(*filter, std::string_view(wire).substr(at, size), run);
      at += size;
    }
    ASSERT_EQ(run.status, FilterStatus::ok);
    ASSERT_EQ(run.app, expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace roost::net
