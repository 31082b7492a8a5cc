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
  const auto began = std::chrono::steady_clock::now();
  const std::string id = text_of(parameters, "client_id");
  const std::string prefix = text_of(parameters, "prefix");
  const std::uint64_t from = count_of(parameters, "from", 0);
  const std::uint64_t to = count_of(parameters, "to", UINT64_MAX);
  auto page = from_core<QueuePage>(
      core_of(node_, id),
      [id, from](NodeCore& core, const std::function<void(Result<QueuePage>)>& done) {
        session::look_at_queue(core.sessions, id, from, kMessagesAPiece, done);
      });
  if (!page) return Unexpected(page.error());
  const auto took = std::chrono::steady_clock::now() - began;
  const auto took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  if (took_ms + kAcknowledgedMs > kPieceMs) {
    return error(ErrorKind::unavailable, "the queue isn't read in time");
  }
  std::vector<WebMessage> messages;
  std::vector<std::uint64_t> sequences;
  const SteadyMs now_ms = node_.clock.steady_ms();
  for (const session::QueuedMessage& one : page->messages) {
    if (one.sequence >= to) page->next = 0;
    if (one.sequence >= to || one.message->is_expired(now_ms)) continue;
    messages.push_back(web_message_of(*one.message, one.qos, prefix, now_ms));
    sequences.push_back(one.sequence);
  }
  const auto outcomes =
      published(std::move(messages), kPieceMs - static_cast<std::uint32_t>(took_ms));
  json::object result = {{"end", page->end}};
  if (page->next != 0 && page->next < to) result["next"] = page->next;
  std::uint64_t replayed = 0, refused = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].kind != PublishOutcome::Kind::answered) {
      result["next"] = sequences[i];
      result["stopped"] = "a message isn't acknowledged in time";
      break;
    }
    ++(mqtt::is_error(outcomes[i].reason) ? refused : replayed);
  }
  result["replayed"] = replayed;
  result["refused"] = refused;
  return json::value(std::move(result));
}

// What is known of each when all are acknowledged or the time is over.
PublishOutcomes Replay::published(std::vector<WebMessage> messages, std::uint32_t timeout_ms) {
  if (messages.empty()) return {};
  const std::size_t count = messages.size();
  auto promise = std::make_shared<std::promise<PublishOutcomes>>();
  auto told = promise->get_future();
  publisher_.publish(
      std::move(messages), timeout_ms,
      [promise](const PublishOutcomes& outcomes, bool) { promise->set_value(outcomes); },
      [](const PublishOutcomes&) {});
  // It keeps to its time unless its core is stuck.
  if (told.wait_for(kCoreAnswersWithin) != std::future_status::ready) {
    return PublishOutcomes(count);
  }
  return told.get();
}

}  // namespace roost::server
