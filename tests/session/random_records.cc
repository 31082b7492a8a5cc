// SPDX-License-Identifier: Apache-2.0
#include "tests/session/random_records.h"

#include <algorithm>
#include <memory>

namespace roost::session {
namespace {

constexpr unsigned kMessageKinds = 9, kClientKinds = 8;

}  // namespace

std::uint64_t RandomRecords::number(unsigned bits) {
  const auto kept = static_cast<unsigned>(random_() % (bits + 1));
  return kept == 0 ? 0 : random_() >> (64 - kept);
}

std::string RandomRecords::text() {
  std::string text(number(7), 'a');
  for (char& each : text) each = static_cast<char>(random_());
  return text;
}

std::vector<std::string> RandomRecords::texts() {
  std::vector<std::string> texts(number(3));
  for (std::string& each : texts) each = text();
  return texts;
}

std::vector<std::uint64_t> RandomRecords::rising() {
  std::vector<std::uint64_t> values(number(5));
  for (std::uint64_t& each : values) each = number(64);
  if (coin()) std::sort(values.begin(), values.end());
  return values;
}

std::vector<mqtt::PacketId> RandomRecords::packet_ids() {
  std::vector<mqtt::PacketId> values(number(5));
  for (mqtt::PacketId& each : values) each = number16();
  return values;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> RandomRecords::pairs() {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> values(number(3));
  for (auto& each : values) each = {number(64), number(64)};
  return values;
}

std::optional<Source> RandomRecords::source() {
  if (coin()) return std::nullopt;
  const Source::Kind kind = coin() ? Source::Kind::shard : Source::Kind::node;
  return Source{kind, number16(), coin() ? 0 : number(64), number(64)};
}

mqtt::SubscriptionOptions RandomRecords::options() {
  return {.qos = qos(),
          .no_local = coin(),
          .retain_as_published = coin(),
          .retain_handling = static_cast<mqtt::RetainHandling>(random_() % 3)};
}

routing::MessagePtr RandomRecords::message() {
  const std::string topic = text();
  const std::string payload = text();
  const std::string forwarded = coin() ? text() : "";
  routing::MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  parts.forwarded = as_bytes(forwarded);
  parts.qos = qos();
  parts.retain = coin();
  parts.origin = number(64);
  parts.sequence = number(64);
  parts.received_ms = static_cast<SteadyMs>(number(59));
  if (coin()) parts.expiry_s = number32();
  return routing::Message::make(parts);
}

AttachedRecord RandomRecords::attached() {
  AttachedRecord record{.client_id = text(),
                        .generation = generation(),
                        .now_ms = time(),
                        .clean_start = coin(),
                        .durable = coin(),
                        .expiry_s = number32(),
                        .receive_maximum = number16(),
                        .will = std::nullopt};
  if (coin()) record.will = WillRecord{.message = message(), .delay_s = number32()};
  return record;
}

GatheredRecord RandomRecords::gathered() {
  GatheredRecord record{
      .client_id = text(), .generation = generation(), .entries = {}, .last = coin()};
  for (auto left = number(3); left > 0; --left) {
    record.entries.push_back({.message = message(), .subscription_id = number32(), .qos = qos()});
  }
  return record;
}

Record RandomRecords::message_record(unsigned kind) {
  switch (kind) {
    case 0:
      return StartedRecord{.now_ms = time(),
                           .wall_ms = time(),
                           .max_queued_messages = number32(),
                           .max_queued_bytes = number(64),
                           .drop_oldest = coin(),
                           .keep_last = texts(),
                           .clean_go_on = coin()};
    case 1:
      return TickRecord{.now_ms = time(), .wall_ms = time()};
    case 2:
      return PublishedRecord{.message = message(), .source = source()};
    case 3:
      return AssignedRecord{
          .message = message(), .client_id = text(), .share = text(), .source = source()};
    case 4:
      return gathered();
    case 5:
      return RetainedRecord{.message = message(), .source = source()};
    case 6:
      return ReceivedRecord{.client_id = text(),
                            .generation = generation(),
                            .packet_id = number16(),
                            .message = message()};
    case 7:
      return ToldRecord{.message = message()};
    default:
      return ForwardedRecord{.through = number(64)};
  }
}

Record RandomRecords::client_record(unsigned kind) {
  switch (kind) {
    case 0:
      return attached();
    case 1:
      return DetachedRecord{
          .client_id = text(),
          .generation = generation(),
          .now_ms = time(),
          .expiry_s = number32(),
          .sent_before = number(64),
          .will = coin() ? DetachedRecord::WillFate::kept : DetachedRecord::WillFate::discarded};
    case 2:
      return EndedRecord{.client_id = text(),
                         .why = coin() ? EndedRecord::Why::expired : EndedRecord::Why::removed};
    case 3:
      return WillFiredRecord{.client_id = text(), .generation = generation()};
    case 4: {
      SubscribedRecord record{.client_id = text(),
                              .generation = generation(),
                              .subscription_id = number32(),
                              .entries = {}};
      for (auto left = number(3); left > 0; --left) record.entries.push_back({text(), options()});
      return record;
    }
    case 5:
      return UnsubscribedRecord{
          .client_id = text(), .generation = generation(), .filters = texts()};
    case 6:
      return AckedRecord{.client_id = text(),
                         .generation = generation(),
                         .finished = rising(),
                         .received = rising()};
    default:
      return ReleasedRecord{
          .client_id = text(), .generation = generation(), .packet_ids = packet_ids()};
  }
}

Record RandomRecords::record() {
  const unsigned kind = next_kind_++ % (kMessageKinds + kClientKinds);
  return kind < kMessageKinds ? message_record(kind) : client_record(kind - kMessageKinds);
}

StoredHeader RandomRecords::header() {
  return {.number = number(64),
          .generation = generation(),
          .durable = coin(),
          .attached = coin(),
          .expiry_s = number32(),
          .expires_at_ms = time(),
          .next_sequence = number(64),
          .oldest_unfinished = number(64),
          .sent_before = number(64),
          .receive_maximum = number16(),
          .queued = number32(),
          .queued_bytes = number(64),
          .finished = rising(),
          .received = rising(),
          .awaiting_release = packet_ids(),
          .newest = pairs()};
}

StoredFilters RandomRecords::filters() {
  StoredFilters filters(number(4));
  for (StoredFilter& each : filters) each = {text(), options(), number32()};
  return filters;
}

StoredWill RandomRecords::will() {
  return {
      .message = message(), .generation = generation(), .delay_s = number32(), .due_ms = time()};
}

StoredEntry RandomRecords::entry() {
  StoredEntry stored;
  stored.index = number(64);
  if (coin()) stored.entry.message = message();
  stored.entry.subscription_id = number32();
  stored.entry.qos = qos();
  stored.entry.retain = coin();
  if (coin()) {
    stored.entry.extra = std::make_unique<EntryExtra>();
    for (auto left = number(3); left > 0; --left) {
      stored.entry.extra->subscription_ids.push_back(number32());
    }
    stored.entry.extra->share = text();
  }
  return stored;
}

StoredBody RandomRecords::body() {
  return {.index = number(64), .message = coin() ? message() : routing::MessagePtr()};
}

}  // namespace roost::session
