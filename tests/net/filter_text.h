// SPDX-License-Identifier: Apache-2.0
// Drives a byte filter with strings.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "broker/net/byte_filter.h"
#include "broker/net/connection.h"

namespace roost::net {

struct FilterRun {
  FilterStatus status = FilterStatus::ok;
  std::string app;   // towards the application
  std::string wire;  // towards the peer
  std::string error;
  bool handshake_done = false;
  PeerInfo peer;
};

inline void feed(ByteFilter& filter, std::string_view wire, FilterRun& run) {
  FilterOutput app;
  FilterOutput answer;
  run.status = filter.from_wire(as_bytes(wire), app, answer);
  run.app += as_text(app);
  run.wire += as_text(answer);
  run.error = filter.last_error();
  run.handshake_done = filter.handshake_done();
}

// Feeds `wire` whole, split in two at every byte, and byte by byte; all must come to the same end.
inline FilterRun run_split(const std::function<std::unique_ptr<ByteFilter>()>& make,
                           std::string_view wire) {
  const auto run_in = [&](std::size_t first, std::size_t piece) {
    const auto filter = make();
    FilterRun run;
    run.peer.address = "198.51.100.9:999";
    run.peer.is_loopback = true;
    feed(*filter, wire.substr(0, first), run);
    for (std::size_t at = first; at < wire.size(); at += piece) {
      if (run.status != FilterStatus::ok) break;
      feed(*filter, wire.substr(at, piece), run);
    }
    if (run.handshake_done) filter->describe(run.peer);
    return run;
  };
  FilterRun whole = run_in(wire.size(), wire.size() + 1);
  const auto compare = [&](const FilterRun& run, const std::string& how) {
    EXPECT_EQ(run.status, whole.status) << how;
    EXPECT_EQ(run.app, whole.app) << how;
    EXPECT_EQ(run.wire, whole.wire) << how;
    EXPECT_EQ(run.error, whole.error) << how;
    EXPECT_EQ(run.handshake_done, whole.handshake_done) << how;
    EXPECT_EQ(run.peer.address, whole.peer.address) << how;
  };
  for (std::size_t at = 0; at < wire.size(); ++at) {
    compare(run_in(at, wire.size()), "split at " + std::to_string(at));
  }
  compare(run_in(0, 1), "byte by byte");
  return whole;
}

}  // namespace roost::net
