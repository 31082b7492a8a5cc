// SPDX-License-Identifier: Apache-2.0
// Who follows what: each trace has a client, a topic filter or an address, an end, and room for so
// many lines; what comes while it is full is counted. While there is none, sessions don't ask.
// Thread: any thread; events come on cores.
// Owner: the API; outlives the cores' use of it (detach() first).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/result.h"
#include "broker/session/tracer.h"

namespace roost::server {

struct TraceWish {
  std::string client_id;  // a pattern with '*'; empty: any
  std::string topic;      // a filter; empty: any packet, not only PUBLISH
  std::string address;    // of the client, without port; empty: any
  std::int64_t for_s = 60;
};

struct TraceLine {
  std::uint64_t number = 0;  // rises within the trace
  WallMs at_ms = 0;
  std::string client_id, text;
};

class TraceHub final : public session::Tracer {
 public:
  static constexpr std::size_t kTracesMax = 8;      // under way; with those that are over, too
  static constexpr std::size_t kLinesMax = 10'000;  // of one, that nobody has fetched
  static constexpr std::int64_t kForMaxS = 3'600;

  // `changed(is_on)`: somebody is followed from now on, or nobody any more. Must not call back.
  TraceHub(const Clock& clock, std::function<void(bool is_on)> changed)
      : clock_(clock), changed_(std::move(changed)) {}

  // One of that name ends first. One that is over is kept to be fetched for an hour, or until its
  // room is wanted. Errors: resource_exhausted, invalid_argument.
  Result<void> begin(const std::string& name, TraceWish wish);
  void end(const std::string& name);

  struct Fetched {
    std::vector<TraceLine> lines;  // in order; they are gone then
    std::uint64_t lost = 0;        // that didn't fit, since the last call
    bool is_over = false;          // its time, or it was ended
  };
  Fetched fetch(const std::string& name, std::size_t max);
  std::uint64_t lines_lost() const { return lines_lost_.load(); }  // of all traces
  std::uint64_t refused() const { return refused_.load(); }        // over kTracesMax

  // Tracer
  void on_event(const session::TraceEvent& event) override;

 private:
  struct Trace {
    TraceWish wish;
    SteadyMs until_ms = 0;
    std::uint64_t last = 0, lost = 0;
    std::deque<TraceLine> lines;
  };

  bool make_room(SteadyMs now_ms);
  void turn(bool is_on);

  const Clock& clock_;
  const std::function<void(bool)> changed_;
  std::atomic<std::uint64_t> lines_lost_{0}, refused_{0};
  std::mutex mutex_;
  std::map<std::string, Trace> traces_;  // guarded by mutex_
  bool is_on_ = false;                   // guarded by mutex_
};

// "<- PUBLISH home/x, QoS 1, id 7, 12 bytes", as a trace shows it. Pure.
std::string trace_text(const session::TraceEvent& event);

}  // namespace roost::server
