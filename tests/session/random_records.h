// SPDX-License-Identifier: Apache-2.0
// Records and stored values by seed: numbers of every length, texts and lists from empty to long.
// Thread: core-bound.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "broker/session/record.h"
#include "broker/session/state_codec.h"

namespace roost::session {

class RandomRecords {
 public:
  explicit RandomRecords(std::uint64_t seed) : random_(seed) {}

  // Each kind of record in turn.
  Record record();
  StoredHeader header();
  StoredFilters filters();
  StoredWill will();
  StoredEntry entry();
  StoredBody body();
  routing::MessagePtr message();

 private:
  // Of 0 to `bits` bits, each length as likely.
  std::uint64_t number(unsigned bits);
  std::uint32_t number32() { return static_cast<std::uint32_t>(number(32)); }
  std::uint16_t number16() { return static_cast<std::uint16_t>(number(16)); }
  bool coin() { return (random_() & 1) != 0; }
  std::int64_t time() { return coin() ? kNever : static_cast<std::int64_t>(number(59)); }
  mqtt::Qos qos() { return static_cast<mqtt::Qos>(random_() % 3); }
  Generation generation() { return {.epoch = number(64), .counter = number(64)}; }
  std::string text();
  std::vector<std::string> texts();
  std::vector<std::uint64_t> rising();
  std::vector<mqtt::PacketId> packet_ids();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> pairs();
  std::optional<Source> source();
  mqtt::SubscriptionOptions options();
  Record message_record(unsigned kind);
  Record client_record(unsigned kind);
  AttachedRecord attached();
  GatheredRecord gathered();

  std::mt19937_64 random_;
  unsigned next_kind_ = 0;
};

}  // namespace roost::session
