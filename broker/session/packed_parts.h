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

inline constexpr auto kEachSource = [](auto& form, auto& source) {
  form.number(source.shard.value);
  form.number(source.index);
};

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

// The limits in StartedRecord.
template <typename Form>
void limits(Form& form, In<Form, StartedRecord>& record) {
  form.number(record.max_queued_messages);
  form.number(record.max_queued_bytes);
  form.flag(record.drop_oldest);
  form.list(record.keep_last, kEachText);
}

}  // namespace roost::session
