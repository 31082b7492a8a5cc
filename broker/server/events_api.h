// SPDX-License-Identifier: Apache-2.0
// Messages to the web: GET /api/v1/subscribe?filter=a/%2B&filter=b&qos=1, answered by a stream of
// events (text/event-stream), each one a message as JSON. One connection of InsideDoor a stream;
// who reads too slowly holds his own session back, and MQTT's queue limits count.
// Thread: routes on the HTTP servers' threads; streams on the door's core.
// Owner: AdminApi; the door outlives it and its core runs no more when it is destroyed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/http/reply.h"
#include "broker/observe/metrics.h"
#include "broker/server/inside_door.h"

namespace roost::server {

struct EventsCounters {
  std::atomic<std::uint64_t> streams{0}, events{0}, refused{0};
};

class EventsApi {
 public:
  static constexpr std::size_t kFiltersMax = 100;  // of one stream

  explicit EventsApi(InsideDoor& door);
  ~EventsApi();

  std::vector<http::Route> routes();
  // Ends all streams with an event that says so, and blocks until that is done.
  void stop();
  void add_metrics(observe::Metrics& metrics) const;

 private:
  class EventStream;
  struct Wanted;

  void subscribe(const http::Request& request, const http::Reply& reply);
  void begin(const Wanted& wanted, const http::Reply& reply);
  // On the door's core, unless the stream is gone.
  template <typename Call>
  void on_stream(std::uint64_t number, Call call);

  InsideDoor& door_;
  EventsCounters counters_;
  std::unordered_map<std::uint64_t, std::unique_ptr<EventStream>> streams_;  // the door's core
  std::uint64_t last_number_ = 0;  // likewise, as the next
  bool is_stopped_ = false;
};

}  // namespace roost::server
