// SPDX-License-Identifier: Apache-2.0
// Messages from the web:
//   POST /api/v1/publish                  {"topic": ...} or {"messages": [...]}
//   POST /api/v1/publish/TOPIC?qos=1      the body is the payload
// Answered when the acknowledgement that the QoS implies is here. README.md has status codes and
// what Idempotency-Key does.
// Thread: routes on the HTTP servers' threads; answers come from the door's core.
// Owner: AdminApi.
#pragma once

#include <vector>

#include "broker/base/clock.h"
#include "broker/http/reply.h"
#include "broker/observe/metrics.h"
#include "broker/server/config.h"
#include "broker/server/kept_answers.h"
#include "broker/server/publisher.h"

namespace roost::server {

class PublishApi {
 public:
  static constexpr std::size_t kMessagesMax = 1000;  // of one request
  static constexpr std::uint32_t kTimeoutDefaultS = 30;
  static constexpr std::uint32_t kTimeoutMaxS = 300;

  PublishApi(InsideDoor& door, const HttpConfig& config, const Clock& clock);

  std::vector<http::Route> routes();
  void stop() { publisher_.stop(); }
  Publisher& publisher() { return publisher_; }
  void add_metrics(observe::Metrics& metrics) const;

 private:
  void publish_json(http::Request request, const http::Reply& reply);
  void publish_plain(http::Request request, const http::Reply& reply);
  void publish(const http::Request& request, std::vector<WebMessage> messages, bool is_batch,
               std::uint32_t timeout_s, const http::Reply& reply);

  InsideDoor& door_;
  KeptAnswers kept_;
  Publisher publisher_;
};

// How HTTP says what MQTT said.
unsigned http_status(mqtt::ReasonCode reason);

}  // namespace roost::server
