// SPDX-License-Identifier: Apache-2.0
#include "broker/session/inflight.h"

#include <utility>

#include "broker/base/check.h"

namespace roost::session {

mqtt::PacketId Inflight::push(QueueEntry entry) {
  CHECK(has_id());
  const mqtt::PacketId id = id_of(first_sequence_ + entries_.size());
  entries_.push_back(Entry{std::move(entry), InflightState::publish_sent, false, false});
  ++unfinished_;
  return id;
}

std::optional<std::size_t> Inflight::index_of(mqtt::PacketId id) const {
  if (id == 0) return std::nullopt;
  const std::uint32_t first = id_of(first_sequence_);
  const std::uint32_t index = (id + kIds - first) % kIds;
  if (index >= entries_.size()) return std::nullopt;
  return index;
}

Inflight::Entry* Inflight::find(mqtt::PacketId id) {
  const auto index = index_of(id);
  if (!index) return nullptr;
  Entry& entry = entries_[*index];
  return entry.state == InflightState::finished ? nullptr : &entry;
}

void Inflight::finish(mqtt::PacketId id) {
  Entry* entry = find(id);
  CHECK(entry != nullptr);
  entry->state = InflightState::finished;
  entry->queued = QueueEntry();
  --unfinished_;
  while (!entries_.empty() && entries_.front().state == InflightState::finished) {
    entries_.pop_front();
    ++first_sequence_;
  }
}

void Inflight::clear() {
  first_sequence_ += entries_.size();
  entries_.clear();
  unfinished_ = 0;
}

}  // namespace roost::session
