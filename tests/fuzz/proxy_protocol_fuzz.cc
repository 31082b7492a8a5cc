// SPDX-License-Identifier: Apache-2.0
// Any bytes as a PROXY prelude: whole and byte by byte come to the same end, and nothing behind
// an accepted prelude is lost.
#include "broker/net/proxy_protocol.h"

#include <string>

#include "broker/base/check.h"
#include "broker/net/connection.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace net;

struct Outcome {
  FilterStatus status = FilterStatus::ok;
  bool done = false;
  FilterOutput app;
  std::string address;
  bool is_loopback = true;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome drive(ByteView bytes, std::size_t piece_size) {
  const auto filter = make_proxy_filter();
  Outcome outcome;
  FilterOutput wire;
  while (!bytes.empty() && outcome.status == FilterStatus::ok) {
    const ByteView piece = bytes.first(std::min(piece_size, bytes.size()));
    bytes = bytes.subspan(piece.size());
    outcome.status = filter->from_wire(piece, outcome.app, wire);
  }
  CHECK(wire.empty());
  outcome.done = filter->handshake_done();
  CHECK(outcome.done == filter->transparent());
  CHECK(outcome.done || outcome.app.empty());
  if (outcome.done) {
    PeerInfo peer;
    filter->describe(peer);
    outcome.address = peer.address;
    outcome.is_loopback = peer.is_loopback;
  }
  return outcome;
}

void run(ByteView bytes) {
  const Outcome whole = drive(bytes, bytes.size() + 1);
  CHECK(whole.app.size() <= bytes.size());
  CHECK(std::equal(whole.app.rbegin(), whole.app.rend(), bytes.rbegin()));
  CHECK(drive(bytes, 1) == whole);
}

Input seed(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  using namespace std::string_literals;
  using roost::fuzz::seed;
  const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
  roost::fuzz::write_seeds(
      *argc, *argv,
      {seed("PROXY TCP4 192.0.2.7 10.0.0.1 51235 1883\r\nmqtt"),
       seed("PROXY TCP6 2001:db8::7 ::1 51235 1883\r\n"), seed("PROXY UNKNOWN x\r\nmqtt"),
       seed(signature + "\x21\x11\x00\x0C\x7F\x00\x00\x01\x7F\x00\x00\x01\xC8\x23\x07\x5Bmqtt"s),
       seed(signature + "\x20\x00\x00\x03tlvmqtt"s),
       seed(signature + "\x21\x21\x00\x24"s + std::string(36, 'a') + "mqtt"),
       seed(signature + "\x21\x31\x00\xD8"s + std::string(216, 'a') + "mqtt")});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run({data, size});
  return 0;
}
