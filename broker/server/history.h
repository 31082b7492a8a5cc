// SPDX-License-Identifier: Apache-2.0
// The last ten minutes of a node: its rates and gauges every 10 s of the wall clock, so that those
// of several nodes stand beside each other, and as they are now, over the last second.
// Thread: any thread.
// Owner: Node.
#pragma once

#include <boost/json/object.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "broker/base/clock.h"

namespace roost::server {

// What a node has counted since its start; the last three are as they stand.
struct HistoryTotals {
  std::uint64_t messages_in = 0;   // PUBLISHes from clients
  std::uint64_t messages_out = 0;  // PUBLISHes to clients
  std::uint64_t bytes_in = 0;      // of sockets
  std::uint64_t bytes_out = 0;
  std::uint64_t connects = 0;
  std::uint64_t dropped = 0;  // messages, of all causes
  std::uint64_t connected = 0;
  std::uint64_t queued = 0;    // messages
  std::uint64_t retained = 0;  // messages
};

class History {
 public:
  static constexpr std::int64_t kEveryMs = 10'000;
  static constexpr std::size_t kSamples = 60;
  static constexpr std::size_t kSeries = 9;

  // About once a second. The first only begins.
  void tick(SteadyMs now_ms, WallMs wall_ms, const HistoryTotals& totals);
  // {"at_ms": the last sample's time, "now": {"messages_in": 12.5, ...}, "series":
  // {"messages_in": [oldest, ..., newest], ...}}; rates are of a second. at_ms is 0 before the
  // first sample.
  boost::json::object json() const;

 private:
  using Row = std::array<double, kSeries>;
  struct At {
    SteadyMs steady_ms = 0;
    HistoryTotals totals;
  };
  static Row rates(const At& from, const At& to);

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  bool has_begun_ = false;
  At last_tick_, last_sample_;
  std::int64_t slot_ = 0;  // wall_ms / kEveryMs of what is being gathered
  WallMs sampled_ms_ = 0;
  Row now_{};
  std::vector<Row> samples_;  // a ring of kSamples
  std::size_t next_ = 0;      // the oldest, once it is full
};

}  // namespace roost::server
