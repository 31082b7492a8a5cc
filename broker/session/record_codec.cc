// SPDX-License-Identifier: Apache-2.0
#include "broker/session/record_codec.h"

#include <iterator>
#include <string>
#include <utility>

#include "broker/session/record_fields.h"

namespace roost::session {
namespace {

template <typename R>
Record read(PackedReader& reader) {
  R record;
  fields(reader, record);
  return record;
}

struct TypeRow {
  RecordType type;
  const char* name;
  Record (*read)(PackedReader&);
};

// In the order of the variant.
constexpr TypeRow kTypes[] = {
    {RecordType::started, "started", read<StartedRecord>},
    {RecordType::tick, "tick", read<TickRecord>},
    {RecordType::published, "published", read<PublishedRecord>},
    {RecordType::assigned, "assigned", read<AssignedRecord>},
    {RecordType::gathered, "gathered", read<GatheredRecord>},
    {RecordType::retained, "retained", read<RetainedRecord>},
    {RecordType::attached, "attached", read<AttachedRecord>},
    {RecordType::detached, "detached", read<DetachedRecord>},
    {RecordType::ended, "ended", read<EndedRecord>},
    {RecordType::will_fired, "will_fired", read<WillFiredRecord>},
    {RecordType::subscribed, "subscribed", read<SubscribedRecord>},
    {RecordType::unsubscribed, "unsubscribed", read<UnsubscribedRecord>},
    {RecordType::acked, "acked", read<AckedRecord>},
    {RecordType::received, "received", read<ReceivedRecord>},
    {RecordType::released, "released", read<ReleasedRecord>},
    {RecordType::forwarded, "forwarded", read<ForwardedRecord>},
    {RecordType::told, "told", read<ToldRecord>},
};
static_assert(std::size(kTypes) == std::variant_size_v<Record>);

template <std::size_t... kIndex>
constexpr bool rows_fit(std::index_sequence<kIndex...>) {
  return ((kTypes[kIndex].read == read<std::variant_alternative_t<kIndex, Record>>)&&...);
}
static_assert(rows_fit(std::make_index_sequence<std::size(kTypes)>()));

const TypeRow* find_row(RecordType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

Unexpected<Error> corrupt(RecordType type, const char* what) {
  const char* name = name_of(type);
  return error(ErrorKind::corrupt, std::string("a record of type ") +
                                       std::to_string(static_cast<unsigned>(type)) + " (" +
                                       (name == nullptr ? "unknown" : name) + "): " + what);
}

void encode(const Record& record, PackedWriter writer) {
  writer.byte(static_cast<std::uint8_t>(type_of(record)));
  std::visit([&writer](const auto& each) { fields(writer, each); }, record);
}

}  // namespace

RecordType type_of(const Record& record) { return kTypes[record.index()].type; }

const char* name_of(RecordType type) {
  if (type == RecordType::part) return "part";
  const TypeRow* row = find_row(type);
  return row == nullptr ? nullptr : row->name;
}

bool knows_record(ByteView bytes) {
  return bytes.empty() || name_of(static_cast<RecordType>(bytes[0])) != nullptr;
}

void encode_record(const Record& record, SteadyMs shard_offset_ms, std::vector<std::uint8_t>& out) {
  encode(record, PackedWriter(out, shard_offset_ms));
}

void encode_record(const Record& record, SteadyMs shard_offset_ms, PiecedBytes& out) {
  encode(record, PackedWriter(out, shard_offset_ms));
}

Result<Record> decode_record(ByteView bytes, SteadyMs shard_offset_ms) {
  if (bytes.empty()) return error(ErrorKind::corrupt, "a record without bytes");
  const auto type = static_cast<RecordType>(bytes[0]);
  const TypeRow* row = find_row(type);
  if (row == nullptr) {
    return corrupt(
        type, type == RecordType::part ? "is to be joined first" : "this version doesn't know it");
  }
  PackedReader reader(bytes.subspan(1), shard_offset_ms);
  Record record = row->read(reader);
  reader.expect_end();
  if (reader.failed()) return corrupt(type, reader.fault());
  return record;
}

}  // namespace roost::session
