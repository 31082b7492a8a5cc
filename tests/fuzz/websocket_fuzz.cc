// SPDX-License-Identifier: Apache-2.0
// Any bytes at a WebSocket server, in any pieces: the same end as in one piece, bounded memory,
// and whatever is accepted comes out as it went in. The first byte chooses the size of the pieces.
#include "broker/net/websocket.h"

#include <string>

#include "broker/base/check.h"
#include "broker/net/connection.h"
#include "tests/fuzz/seeds.h"
#include "tests/net/websocket_text.h"

namespace roost::fuzz {
namespace {

using namespace net;

struct Outcome {
  FilterStatus status = FilterStatus::ok;
  bool upgraded = false;
  FilterOutput app;
  FilterOutput wire;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome drive(ByteView bytes, std::size_t piece_size) {
  const auto filter = make_websocket_filter("");
  Outcome outcome;
  while (!bytes.empty() && outcome.status == FilterStatus::ok) {
    const ByteView piece = bytes.first(std::min(piece_size, bytes.size()));
    bytes = bytes.subspan(piece.size());
    outcome.status = filter->from_wire(piece, outcome.app, outcome.wire);
  }
  outcome.upgraded = filter->handshake_done();
  CHECK((outcome.status == FilterStatus::failed) == !filter->last_error().empty());
  // What a broker does next must be fine in every state.
  FilterOutput after;
  filter->to_wire(as_bytes("answer"), after);
  filter->end(after);
  return outcome;
}

void run(ByteView bytes) {
  if (bytes.empty()) return;
  const std::size_t piece_size = std::size_t{1} + bytes[0] % 32;
  bytes = bytes.subspan(1);
  const Outcome whole = drive(bytes, bytes.size() + 1);
  CHECK(whole.app.size() <= bytes.size());
  // Pongs repeat a ping with a shorter head; one HTTP answer, one close frame come on top.
  CHECK(whole.wire.size() <= bytes.size() + 1024);
  CHECK(drive(bytes, piece_size) == whole);
}

Input seed(char piece, const std::string& text) {
  const std::string all = piece + text;
  return {all.begin(), all.end()};
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  using namespace roost::net;
  using roost::fuzz::seed;
  const std::string open = upgrade();
  roost::fuzz::write_seeds(
      *argc, *argv,
      {seed(0, open), seed(5, open + frame(kBinary, "connect") + frame(kPing, "?")),
       seed(1,
            open + frame(kBinary, "frag", false) + frame(kPing, "") + frame(kContinuation, "ment")),
       seed(3, open + frame(kBinary, std::string(300, 'x'))), seed(2, open + frame(kText, "text")),
       seed(9, open + frame(kClose, "\x03\xE8")), seed(0, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
       seed(4, "\x10\x10")});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run({data, size});
  return 0;
}
