// SPDX-License-Identifier: Apache-2.0
// Inside the codecs: what records and state values have in common, listed once for PackedWriter
// and PackedReader.
// Thread: any thread (pure).
#pragma once

#include "broker/session/packed.h"
#include "broker/session/record.h"

namespace roost::session {

template <typename Form>
void generation(Form& form, In<Form, Generation>& generation) {
  form.number(generation.epoch);
  form.number(generation.counter);
}

// A source in front of its message: none; a shard of a node alone, which has no lineage; one of a
// cluster; a node's core.
enum class SourceForm : std::uint8_t { none, shard, shard_of_lineage, node };

inline SourceForm form_of(const std::optional<Source>& source) {
  if (!source) return SourceForm::none;
  if (source->kind == Source::Kind::node) return SourceForm::node;
  return source->life == 0 ? SourceForm::shard : SourceForm::shard_of_lineage;
}

inline void source(PackedWriter& writer, const std::optional<Source>& source) {
  const SourceForm form = form_of(source);
  writer.choice(form, SourceForm::node);
  if (!source) return;
  writer.number(source->part);
  if (form != SourceForm::shard) writer.number(source->life);
  writer.number(source->number);
}

inline void source(PackedReader& reader, std::optional<Source>& source) {
  SourceForm form{};
  reader.choice(form, SourceForm::node);
  if (form == SourceForm::none) return;
  Source& read = source.emplace();
  if (form == SourceForm::node) read.kind = Source::Kind::node;
  reader.number(read.part);
  if (form != SourceForm::shard) reader.number(read.life);
  reader.number(read.number);
  if (form_of(source) != form) reader.fail("a source without a lineage");
}

inline constexpr auto kEachText = [](auto& form, auto& text) { form.text(text); };

// As SUBSCRIBE has them. [MQTT5-3.8.3.1]
inline std::uint8_t options_byte(const mqtt::SubscriptionOptions& options) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(options.qos) |
                                   (options.no_local ? 0x04U : 0U) |
                                   (options.retain_as_published ? 0x08U : 0U) |
                                   static_cast<unsigned>(options.retain_handling) << 4);
}

inline void options(PackedWriter& writer, const mqtt::SubscriptionOptions& options) {
  writer.byte(options_byte(options));
}

inline void options(PackedReader& reader, mqtt::SubscriptionOptions& options) {
  const std::uint8_t byte = reader.byte();
  if ((byte & 0x03) == 0x03 || byte >= 0x30) return reader.fail("unknown subscription options");
  options = {.qos = static_cast<mqtt::Qos>(byte & 0x03),
             .no_local = (byte & 0x04) != 0,
             .retain_as_published = (byte & 0x08) != 0,
             .retain_handling = static_cast<mqtt::RetainHandling>(byte >> 4)};
}

// Two flags in a byte.
template <typename Form>
void flags(Form& form, In<Form, bool>& first, In<Form, bool>& second) {
  if constexpr (Form::kWrites) {
    form.byte(static_cast<std::uint8_t>((first ? 1 : 0) | (second ? 2 : 0)));
  } else {
    const std::uint8_t read = form.byte();
    if (read > 3) form.fail("flags that are not known");
    first = (read & 1) != 0;
    second = (read & 2) != 0;
  }
}

// The limits in StartedRecord.
template <typename Form>
void limits(Form& form, In<Form, StartedRecord>& record) {
  form.number(record.max_queued_messages);
  form.number(record.max_queued_bytes);
  flags(form, record.drop_oldest, record.clean_go_on);
  form.list(record.keep_last, kEachText);
}

}  // namespace roost::session
