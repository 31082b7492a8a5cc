// SPDX-License-Identifier: Apache-2.0
// Publishes for the web over kept connections of InsideDoor, a few to a core of the node. A topic
// goes the same way each time, so that its messages keep their order. A connection that is lost is
// made again by the next message. Thread: any thread; the work is done on the door's core. Owner:
// PublishApi; the door outlives it and its core runs no more when it is destroyed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/mqtt/reason_code.h"
#include "broker/server/inside_client.h"
#include "broker/server/inside_door.h"
#include "broker/server/web_message.h"

namespace roost::server {

struct PublishOutcome {
  enum class Kind : std::uint8_t {
    waiting,
    answered,  // with `reason`; QoS 0: it was sent
    not_sent,  // the broker hasn't seen it
    unknown,   // it was sent, and the connection was lost before an answer came
  };
  Kind kind = Kind::waiting;
  mqtt::ReasonCode reason = mqtt::ReasonCode::success;
};
using PublishOutcomes = std::vector<PublishOutcome>;

struct PublisherCounters {
  // Messages by outcome.
  std::atomic<std::uint64_t> accepted{0}, refused{0}, not_sent{0}, unknown{0};
  std::atomic<std::uint64_t> timeouts{0};     // requests that were answered before their messages
  std::atomic<std::uint64_t> connections{0};  // open now
};

class Publisher {
 public:
  // Called once, on the door's core. `is_late`: the request's time is over, some may wait still.
  using Told = std::function<void(const PublishOutcomes&, bool is_late)>;

  explicit Publisher(InsideDoor& door);
  ~Publisher();

  // `told` in time with what is known then; if that was late, `late_told` when all is known. What
  // hasn't left for the broker when the time is over doesn't leave any more.
  void publish(std::vector<WebMessage> messages, std::uint32_t timeout_ms, Told told,
               std::function<void(const PublishOutcomes&)> late_told);
  // Tells all that wait, and blocks until that is done; later ones are told at once.
  void stop();

  const PublisherCounters& counters() const { return counters_; }

 private:
  class Request;
  class Line;
  using RequestPtr = std::shared_ptr<Request>;

  void begin(const RequestPtr& request);

  InsideDoor& door_;
  PublisherCounters counters_;
  std::vector<std::unique_ptr<Line>> lines_;  // some a core of the node, by topic; door's core
  bool is_stopped_ = false;                   // likewise
};

}  // namespace roost::server
