// SPDX-License-Identifier: Apache-2.0
#include "broker/session/share_step.h"

#include <vector>

#include "broker/session/packed.h"

namespace roost::session {

namespace {

using routing::Message;
using routing::MessageParts;
using routing::MessagePtr;

// Payloads from here on stay where they are.
constexpr std::size_t kBorrowedMin = 4096;
// Without a message a step needs a topic nevertheless, where messages are read.
constexpr std::string_view kNoTopic = "$share";

template <typename Form>
void fields(Form& form, In<Form, ShareStep>& step) {
  form.choice(step.what, ShareStep::What::given_back);
  form.text(step.share);
  form.text(step.client_id);
  form.number(step.generation.epoch);
  form.number(step.generation.counter);
  form.number(step.life);
  form.number(step.sequence);
  form.flag(step.connected);
  form.flag(step.retain);
  form.choice(step.qos, mqtt::Qos::exactly_once);
}

// What stands behind the mark: size of the step, the step, what the message forwards.
struct Opened {
  ByteView step, forwarded;
};

std::optional<Opened> open(const Message& message) {
  PackedReader reader(message.forwarded(), 0);
  reader.byte();  // the mark
  const std::size_t size = reader.length(reader.left());
  Opened opened;
  opened.step = reader.take(size);
  opened.forwarded = reader.take(reader.left());
  return reader.failed() ? std::nullopt : std::optional(opened);
}

void borrow_payload(MessageParts& parts, const MessagePtr& from) {
  parts.payload = from->payload();
  if (parts.payload.size() < kBorrowedMin) return;
  parts.payload_owner = SharedPtr<const SharedBlock>::share(from.get());
}

}  // namespace

MessagePtr step_message(const ShareStep& step, const MessagePtr& about, SteadyMs received_ms) {
  std::vector<std::uint8_t> bytes;
  PackedWriter(bytes, 0).byte(routing::kStepMark);
  std::vector<std::uint8_t> packed;
  PackedWriter writer(packed, 0);
  fields(writer, step);
  PackedWriter(bytes, 0).bytes(packed);
  MessageParts parts;
  parts.topic = kNoTopic;
  parts.qos = mqtt::Qos::at_least_once;
  parts.received_ms = received_ms;
  if (about) {
    parts.topic = about->topic();
    parts.qos = about->qos();
    parts.received_ms = about->received_ms();
    parts.expiry_s = about->expiry_s();
    parts.origin = about->origin();
    parts.sequence = about->sequence();
    bytes.insert(bytes.end(), about->forwarded().begin(), about->forwarded().end());
    borrow_payload(parts, about);
  }
  parts.forwarded = bytes;
  return Message::make(parts);
}

std::optional<ShareStep> read_step(const Message& message) {
  const auto opened = open(message);
  if (!opened) return std::nullopt;
  PackedReader reader(opened->step, 0);
  ShareStep step;
  fields(reader, step);
  reader.expect_end();
  return reader.failed() ? std::nullopt : std::optional(std::move(step));
}

bool is_joined(const Message& message) {
  const auto opened = open(message);
  return opened && !opened->step.empty() &&
         opened->step[0] == static_cast<std::uint8_t>(ShareStep::What::joined);
}

MessagePtr about_of(const ShareStep& step, const MessagePtr& message) {
  MessageParts parts;
  parts.topic = message->topic();
  parts.qos = message->qos();
  parts.retain = step.retain;
  parts.received_ms = message->received_ms();
  parts.expiry_s = message->expiry_s();
  parts.origin = message->origin();
  parts.sequence = message->sequence();
  parts.forwarded = open(*message)->forwarded;
  borrow_payload(parts, message);
  return Message::make(parts);
}

}  // namespace roost::session
