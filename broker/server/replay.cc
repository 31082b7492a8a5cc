// SPDX-License-Identifier: Apache-2.0
#include "broker/server/replay.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "broker/base/check.h"
#include "broker/mqtt/decode.h"
#include "broker/mqtt/encode.h"
#include "broker/mqtt/frame.h"
#include "broker/server/api_answer.h"
#include "broker/server/core_call.h"

namespace roost::server {

namespace {

namespace json = boost::json;
using Told = Fleet::Told;
using session::QueuePage;

// The message's properties as a PUBLISH has them.
void take_properties(const mqtt::Properties& properties, WebMessage& message) {
  using Id = mqtt::PropertyId;
  if (properties.has(Id::payload_format_indicator)) {
    message.payload_is_text = properties.payload_format_indicator == 1;
  }
  if (properties.has(Id::content_type)) message.content_type = properties.content_type;
  if (properties.has(Id::response_topic)) message.response_topic = properties.response_topic;
  if (properties.has(Id::correlation_data)) {
    message.correlation_data = std::string(as_text(properties.correlation_data));
  }
  for (const auto& [name, value] : properties.user_properties) {
    message.user_properties.emplace_back(name, value);
  }
}

}  // namespace

WebMessage web_message_of(const routing::Message& message, mqtt::Qos qos, const std::string& prefix,
                          SteadyMs now_ms) {
  mqtt::PublishParts parts;
  parts.version = mqtt::ProtocolVersion::v5;
  parts.topic = message.topic();
  parts.forwarded = message.forwarded();
  const mqtt::PublishSize size = mqtt::publish_size(parts);
  std::vector<std::uint8_t> bytes(size.head);
  mqtt::encode_publish_head(parts, size, bytes.data());
  const mqtt::Limits limits;
  const mqtt::FrameResult found = mqtt::next_frame(bytes, mqtt::kPacketSizeMax);
  const auto packet = mqtt::decode(found.frame, parts.version, limits);
  WebMessage again;
  if (packet) take_properties(std::get<mqtt::Publish>(*packet).properties, again);
  again.topic = prefix + std::string(message.topic());
  again.payload = std::string(as_text(message.payload()));
  again.qos = qos;
  if (message.expires()) again.message_expiry_interval_s = message.remaining_s(now_ms);
  return again;
}

Replay::Replay(Node& node, Fleet& fleet, Publisher& publisher)
    : node_(node), publisher_(publisher) {
  fleet.add("queue.replay", [this](const Fleet::Object& object) { return piece(object); });
}

Told Replay::piece(const Fleet::Object& parameters) {
  const std::string id = text_of(parameters, "client_id");
  const std::string prefix = text_of(parameters, "prefix");
  const std::uint64_t from = count_of(parameters, "from", 0);
  const std::uint64_t to = count_of(parameters, "to", UINT64_MAX);
  auto page = from_core<QueuePage>(
      core_of(node_, id), [id, from](NodeCore& core, std::function<void(Result<QueuePage>)> done) {
        session::look_at_queue(core.sessions, id, from, kMessagesAPiece, std::move(done));
      });
  if (!page) return Unexpected(page.error());
  std::vector<WebMessage> messages;
  const SteadyMs now_ms = node_.clock.steady_ms();
  for (const session::QueuedMessage& one : page->messages) {
    if (one.sequence >= to) page->next = 0;
    if (one.sequence >= to || one.message->is_expired(now_ms)) continue;
    messages.push_back(web_message_of(*one.message, one.qos, prefix, now_ms));
  }
  auto promise = std::make_shared<std::promise<std::uint64_t>>();
  auto accepted = promise->get_future();
  const std::size_t count = messages.size();
  if (count == 0) {
    promise->set_value(0);
  } else {
    publisher_.publish(
        std::move(messages), kPieceMs,
        [promise](const PublishOutcomes& outcomes, bool) {
          std::uint64_t good = 0;
          for (const PublishOutcome& one : outcomes) {
            good += one.kind == PublishOutcome::Kind::answered && !mqtt::is_error(one.reason);
          }
          promise->set_value(good);
        },
        [](const PublishOutcomes&) {});
  }
  if (accepted.wait_for(kCoreAnswersWithin) != std::future_status::ready) {
    return error(ErrorKind::unavailable, "the messages aren't acknowledged in time");
  }
  const std::uint64_t good = accepted.get();
  json::object result = {{"replayed", good}, {"refused", count - good}};
  if (page->next != 0 && page->next < to) result["next"] = page->next;
  return json::value(std::move(result));
}

}  // namespace roost::server
