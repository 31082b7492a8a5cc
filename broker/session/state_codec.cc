// SPDX-License-Identifier: Apache-2.0
#include "broker/session/state_codec.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "broker/base/check.h"
#include "broker/session/packed.h"
#include "broker/session/packed_parts.h"

namespace roost::session {
namespace {

// --- fields, for PackedWriter and PackedReader alike ---

template <typename Form>
void fields(Form& form, In<Form, StoredHeader>& header) {
  form.number(header.number);
  generation(form, header.generation);
  form.flag(header.durable);
  form.flag(header.attached);
  form.number(header.expiry_s);
  form.time(header.expires_at_ms);
  form.number(header.next_sequence);
  form.number(header.oldest_unfinished);
  form.number(header.sent_before);
  form.number(header.receive_maximum);
  form.number(header.queued);
  form.number(header.queued_bytes);
  form.sequences(header.finished);
  form.sequences(header.received);
  form.sequences(header.awaiting_release);
  form.list(header.newest, [](Form& each, auto& topic) {
    each.number(topic.first);
    each.number(topic.second);
  });
}

template <typename Form>
void fields(Form& form, In<Form, StoredSeen>& seen) {
  form.number(seen.published);
  form.number(seen.retained);
}

template <typename Form>
void fields(Form& form, In<Form, StoredSeenFrom>& seen) {
  fields<Form>(form, seen.last);
  form.number(seen.used);
}

template <typename Form>
void fields(Form& form, In<Form, StoredGroup>& group) {
  form.number(group.turn_connected);
  form.number(group.turn_offline);
  form.list(group.members, [](Form& each, auto& member) {
    each.text(member.client_id);
    generation(each, member.generation);
    each.number(member.life);
    each.flag(member.connected);
    each.choice(member.qos, mqtt::Qos::exactly_once);
  });
}

template <typename Form>
void fields(Form& form, In<Form, StoredFilters>& filters) {
  form.list(filters, [](Form& each, auto& filter) {
    each.text(filter.filter);
    options(each, filter.options);
    each.number(filter.subscription_id);
  });
}

template <typename Form>
void fields(Form& form, In<Form, StoredClock>& clock) {
  form.time(clock.now_ms);
  form.time(clock.wall_ms);
}

template <typename Form>
void fields(Form& form, In<Form, StoredSweep>& sweep) {
  form.number(sweep.first);
  form.number(sweep.end);
}

template <typename Form>
void fields(Form& form, In<Form, StoredWill>& will) {
  generation(form, will.generation);
  form.number(will.delay_s);
  form.time(will.due_ms);
  form.message(will.message);
}

void fields(PackedWriter& writer, const routing::MessagePtr& message) { writer.message(message); }
void fields(PackedReader& reader, routing::MessagePtr& message) { reader.message(message); }

void fields(PackedWriter& writer, const StoredBody& body) {
  writer.number(body.index);
  writer.flag(static_cast<bool>(body.message));
  if (body.message) writer.message(body.message);
}

void fields(PackedReader& reader, StoredBody& body) {
  reader.number(body.index);
  bool is_here = false;
  reader.flag(is_here);
  if (is_here) reader.message(body.message);
}

// An entry: its flags, the index, then what the flags call for.
constexpr unsigned kQos = 0x03;
constexpr unsigned kRetain = 0x04;
constexpr unsigned kHasBody = 0x08;
constexpr unsigned kHasId = 0x10;
constexpr unsigned kHasIds = 0x20;
constexpr unsigned kHasShare = 0x40;
constexpr unsigned kUnknown = 0x80;

unsigned flags_of(const QueueEntry& entry) {
  const EntryExtra* extra = entry.extra.get();
  return static_cast<unsigned>(entry.qos) | (entry.retain ? kRetain : 0) |
         (entry.message ? kHasBody : 0) | (entry.subscription_id != 0 ? kHasId : 0) |
         (extra != nullptr && !extra->subscription_ids.empty() ? kHasIds : 0) |
         (extra != nullptr && !extra->share.empty() ? kHasShare : 0);
}

void fields(PackedWriter& writer, const StoredEntry& stored) {
  const QueueEntry& entry = stored.entry;
  const unsigned flags = flags_of(entry);
  writer.byte(static_cast<std::uint8_t>(flags));
  writer.number(stored.index);
  if (flags & kHasId) writer.number(entry.subscription_id);
  if (flags & kHasIds) {
    writer.list(entry.extra->subscription_ids,
                [](PackedWriter& each, std::uint32_t id) { each.number(id); });
  }
  if (flags & kHasShare) writer.text(entry.extra->share);
  if (flags & kHasBody) writer.message(entry.message);
}

void fields(PackedReader& reader, StoredEntry& stored) {
  QueueEntry& entry = stored.entry;
  const unsigned flags = reader.byte();
  if ((flags & kUnknown) != 0 || (flags & kQos) == kQos) return reader.fail("unknown flags");
  entry.qos = static_cast<mqtt::Qos>(flags & kQos);
  entry.retain = (flags & kRetain) != 0;
  reader.number(stored.index);
  if (flags & kHasId) reader.number(entry.subscription_id);
  if (flags & (kHasIds | kHasShare)) entry.extra = std::make_unique<EntryExtra>();
  if (flags & kHasIds) {
    reader.list(entry.extra->subscription_ids,
                [](PackedReader& each, std::uint32_t& id) { each.number(id); });
  }
  if (flags & kHasShare) reader.text(entry.extra->share);
  if (flags & kHasBody) reader.message(entry.message);
  if (flags_of(entry) != flags) reader.fail("flags of something that isn't there");
}

// --- both ways ---

template <typename T>
void write(const T& value, SteadyMs shard_offset_ms, std::vector<std::uint8_t>& out) {
  PackedWriter writer(out, shard_offset_ms);
  fields(writer, value);
}

Unexpected<Error> corrupt(const char* name, const char* what) {
  return error(ErrorKind::corrupt, std::string("a stored ") + name + ": " + what);
}

// `name` says what it is, for a person.
template <typename T>
Result<T> read(const char* name, ByteView bytes, SteadyMs shard_offset_ms = 0) {
  PackedReader reader(bytes, shard_offset_ms);
  T value{};
  fields(reader, value);
  reader.expect_end();
  if (reader.failed()) return corrupt(name, reader.fault());
  return value;
}

template <typename T>
Result<T> read_number(const char* name, ByteView bytes) {
  PackedReader reader(bytes, 0);
  T value = 0;
  reader.number(value);
  reader.expect_end();
  if (reader.failed()) return corrupt(name, reader.fault());
  return value;
}

}  // namespace

void encode_value(const StoredHeader& header, std::vector<std::uint8_t>& out) {
  write(header, 0, out);
}
void encode_value(const StoredFilters& filters, std::vector<std::uint8_t>& out) {
  write(filters, 0, out);
}
void encode_value(const StoredClock& clock, std::vector<std::uint8_t>& out) {
  write(clock, 0, out);
}
void encode_value(const StoredSweep& sweep, std::vector<std::uint8_t>& out) {
  write(sweep, 0, out);
}
void encode_value(const StoredSeen& seen, std::vector<std::uint8_t>& out) { write(seen, 0, out); }
void encode_value(const StoredSeenFrom& seen, std::vector<std::uint8_t>& out) {
  write(seen, 0, out);
}
void encode_value(const StoredGroup& group, std::vector<std::uint8_t>& out) {
  write(group, 0, out);
}
void encode_value(const StoredWill& will, SteadyMs shard_offset_ms,
                  std::vector<std::uint8_t>& out) {
  write(will, shard_offset_ms, out);
}
void encode_value(const StoredEntry& entry, SteadyMs shard_offset_ms,
                  std::vector<std::uint8_t>& out) {
  write(entry, shard_offset_ms, out);
}
void encode_value(const StoredBody& body, SteadyMs shard_offset_ms,
                  std::vector<std::uint8_t>& out) {
  write(body, shard_offset_ms, out);
}

void encode_limits(const StartedRecord& record, std::vector<std::uint8_t>& out) {
  PackedWriter writer(out, 0);
  limits(writer, record);
}

void encode_number(std::uint64_t number, std::vector<std::uint8_t>& out) {
  PackedWriter(out, 0).number(number);
}

Result<StoredHeader> decode_header(ByteView bytes) { return read<StoredHeader>("session", bytes); }
Result<StoredFilters> decode_filters(ByteView bytes) {
  return read<StoredFilters>("list of filters", bytes);
}
Result<StoredClock> decode_clock(ByteView bytes) { return read<StoredClock>("clock", bytes); }
Result<StoredSweep> decode_sweep(ByteView bytes) { return read<StoredSweep>("sweep", bytes); }
Result<StoredSeen> decode_seen(ByteView bytes) { return read<StoredSeen>("seen index", bytes); }
Result<StoredSeenFrom> decode_seen_from(ByteView bytes) {
  return read<StoredSeenFrom>("seen number", bytes);
}
Result<StoredGroup> decode_group(ByteView bytes) { return read<StoredGroup>("group", bytes); }
Result<StoredWill> decode_will(ByteView bytes, SteadyMs shard_offset_ms) {
  return read<StoredWill>("will", bytes, shard_offset_ms);
}
Result<StoredEntry> decode_entry(ByteView bytes, SteadyMs shard_offset_ms) {
  return read<StoredEntry>("queue entry", bytes, shard_offset_ms);
}
Result<StoredBody> decode_body(ByteView bytes, SteadyMs shard_offset_ms) {
  return read<StoredBody>("message", bytes, shard_offset_ms);
}

Result<StartedRecord> decode_limits(ByteView bytes) {
  PackedReader reader(bytes, 0);
  StartedRecord record;
  limits(reader, record);
  reader.expect_end();
  if (reader.failed()) return corrupt("set of limits", reader.fault());
  return record;
}

Result<std::uint64_t> decode_number(ByteView bytes) {
  return read_number<std::uint64_t>("number", bytes);
}
Result<std::uint32_t> decode_reference_count(ByteView bytes) {
  return read_number<std::uint32_t>("reference count", bytes);
}

Result<void> check_form_version(ByteView bytes) {
  const auto version = read_number<std::uint64_t>("form version", bytes);
  if (!version) return Unexpected(version.error());
  if (*version == kStateFormVersion) return {};
  return error(ErrorKind::invalid_argument, "the state has form version " +
                                                std::to_string(*version) + ", this program knows " +
                                                std::to_string(kStateFormVersion));
}

void encode_message(const routing::MessagePtr& message, SteadyMs shard_offset_ms,
                    std::vector<std::uint8_t>& out) {
  write(message, shard_offset_ms, out);
}
void encode_message(const routing::MessagePtr& message, SteadyMs shard_offset_ms,
                    PiecedBytes& out) {
  PackedWriter(out, shard_offset_ms).message(message);
}

Result<void> BodyJoiner::add(std::uint16_t part, ByteView bytes) {
  if (part != parts_ || bytes_.size() != parts_ * kBodyPartMax) {
    return corrupt("message", "a part of it is missing");
  }
  if (bytes.empty() || bytes.size() > kBodyPartMax) {
    return corrupt("message", "a part of it has a size that can't be");
  }
  ++parts_;
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return {};
}

Result<routing::MessagePtr> BodyJoiner::finish(SteadyMs shard_offset_ms) {
  parts_ = 0;
  const std::vector<std::uint8_t> body = std::exchange(bytes_, {});
  return read<routing::MessagePtr>("message", body, shard_offset_ms);
}

}  // namespace roost::session
