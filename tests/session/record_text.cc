// SPDX-License-Identifier: Apache-2.0
#include "tests/session/record_text.h"

#include <concepts>
#include <sstream>
#include <type_traits>

namespace roost::session {
namespace {

// Adds up values, each in brackets.
class Text {
 public:
  template <typename... Values>
  explicit Text(const Values&... values) {
    (add(values), ...);
  }
  std::string str() const { return out_.str(); }

 private:
  void add(std::string_view value) { out_ << '[' << value << ']'; }
  void add(const char* value) { add(std::string_view(value)); }
  void add(const std::string& value) { add(std::string_view(value)); }
  void add(ByteView value) { add(as_text(value)); }
  void add(bool value) { add(std::string_view(value ? "yes" : "no")); }
  template <typename T>
  requires std::integral<T>
  void add(T value) { out_ << '[' << +value << ']'; }
  template <typename T>
  requires std::is_enum_v<T>
  void add(T value) { add(static_cast<int>(value)); }
  template <typename T>
  void add(const std::optional<T>& value) {
    value ? add(*value) : add("none");
  }
  template <typename T>
  void add(const std::vector<T>& values) {
    out_ << '{';
    for (const T& value : values) add(value);
    out_ << '}';
  }
  void add(const Generation& value) { out_ << Text(value.epoch, value.counter).str(); }
  void add(const std::pair<std::uint64_t, std::uint64_t>& value) {
    out_ << Text(value.first, value.second).str();
  }
  void add(const Source& value) {
    out_ << Text(value.kind, value.part, value.life, value.number).str();
  }
  void add(const routing::MessagePtr& message) { out_ << text_of(message); }
  void add(const WillRecord& will) { out_ << Text(will.message, will.delay_s).str(); }
  void add(const mqtt::SubscriptionOptions& value) {
    out_ << Text(value.qos, value.no_local, value.retain_as_published, value.retain_handling).str();
  }
  void add(const GatheredRecord::Entry& value) {
    out_ << Text(value.message, value.subscription_id, value.qos).str();
  }
  void add(const SubscribedRecord::Entry& value) {
    out_ << Text(value.filter, value.options).str();
  }
  void add(const StoredFilter& value) {
    out_ << Text(value.filter, value.options, value.subscription_id).str();
  }

  std::ostringstream out_;
};

std::string fields(const StartedRecord& r) {
  return Text("started", r.now_ms, r.wall_ms, r.max_queued_messages, r.max_queued_bytes,
              r.drop_oldest, r.keep_last, r.clean_go_on)
      .str();
}
std::string fields(const TickRecord& r) { return Text("tick", r.now_ms, r.wall_ms).str(); }
std::string fields(const PublishedRecord& r) {
  return Text("published", r.message, r.source).str();
}
std::string fields(const AssignedRecord& r) {
  return Text("assigned", r.message, r.client_id, r.share, r.source).str();
}
std::string fields(const GatheredRecord& r) {
  return Text("gathered", r.client_id, r.generation, r.entries, r.last).str();
}
std::string fields(const RetainedRecord& r) { return Text("retained", r.message, r.source).str(); }
std::string fields(const AttachedRecord& r) {
  return Text("attached", r.client_id, r.generation, r.now_ms, r.clean_start, r.durable, r.expiry_s,
              r.receive_maximum, r.will)
      .str();
}
std::string fields(const DetachedRecord& r) {
  return Text("detached", r.client_id, r.generation, r.now_ms, r.expiry_s, r.sent_before, r.will)
      .str();
}
std::string fields(const EndedRecord& r) { return Text("ended", r.client_id, r.why).str(); }
std::string fields(const WillFiredRecord& r) {
  return Text("will_fired", r.client_id, r.generation).str();
}
std::string fields(const SubscribedRecord& r) {
  return Text("subscribed", r.client_id, r.generation, r.subscription_id, r.entries).str();
}
std::string fields(const UnsubscribedRecord& r) {
  return Text("unsubscribed", r.client_id, r.generation, r.filters).str();
}
std::string fields(const AckedRecord& r) {
  return Text("acked", r.client_id, r.generation, r.finished, r.received).str();
}
std::string fields(const ReceivedRecord& r) {
  return Text("received", r.client_id, r.generation, r.packet_id, r.message).str();
}
std::string fields(const ReleasedRecord& r) {
  return Text("released", r.client_id, r.generation, r.packet_ids).str();
}
std::string fields(const ForwardedRecord& r) { return Text("forwarded", r.through).str(); }
std::string fields(const ToldRecord& r) { return Text("told", r.message).str(); }

}  // namespace

std::string text_of(const routing::MessagePtr& message) {
  if (!message) return "[null]";
  return Text(message->topic(), message->forwarded(), message->payload(), message->qos(),
              message->retain(), message->origin(), message->sequence(), message->received_ms(),
              message->expiry_s())
      .str();
}

std::string text_of(const Record& record) {
  return std::visit([](const auto& each) { return fields(each); }, record);
}

std::string text_of(const StoredHeader& h) {
  return Text(h.number, h.generation, h.durable, h.attached, h.expiry_s, h.expires_at_ms,
              h.next_sequence, h.oldest_unfinished, h.sent_before, h.receive_maximum, h.queued,
              h.queued_bytes, h.finished, h.received, h.awaiting_release, h.newest)
      .str();
}

std::string text_of(const StoredFilters& filters) { return Text(filters).str(); }
std::string text_of(const StoredClock& clock) { return Text(clock.now_ms, clock.wall_ms).str(); }
std::string text_of(const StoredSweep& sweep) { return Text(sweep.first, sweep.end).str(); }
std::string text_of(const StoredSeen& seen) { return Text(seen.published, seen.retained).str(); }
std::string text_of(const StoredSeenFrom& seen) {
  return Text(seen.last.published, seen.last.retained, seen.used).str();
}
std::string text_of(const StoredWill& w) {
  return Text(w.message, w.generation, w.delay_s, w.due_ms).str();
}

std::string text_of(const StoredEntry& stored) {
  const QueueEntry& e = stored.entry;
  const EntryExtra none;
  const EntryExtra& extra = e.extra == nullptr ? none : *e.extra;
  return Text(stored.index, e.message, e.subscription_id, e.qos, e.retain, extra.subscription_ids,
              extra.share)
      .str();
}

std::string text_of(const StoredBody& body) { return Text(body.index, body.message).str(); }

}  // namespace roost::session
