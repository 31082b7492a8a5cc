// SPDX-License-Identifier: Apache-2.0
#include "broker/session/state_key.h"

#include "broker/base/check.h"

namespace roost::session {
namespace {

// What follows the letter.
enum class Shape {
  unknown,
  nothing,
  name,
  number,
  number_and_sequence,
  number_and_part,
  shard,
  source
};

Shape shape_of(StateKind kind) {
  switch (kind) {
    case StateKind::header:
    case StateKind::filters:
    case StateKind::will:
    case StateKind::retained:
    case StateKind::group:
      return Shape::name;
    case StateKind::entry:
    case StateKind::erasure:
      return Shape::number_and_sequence;
    case StateKind::body:
      return Shape::number_and_part;
    case StateKind::references:
    case StateKind::to_forward:
    case StateKind::sweep:
    case StateKind::body_ahead:
      return Shape::number;
    case StateKind::seen:
      return Shape::shard;
    case StateKind::seen_from:
      return Shape::source;
    case StateKind::clock:
    case StateKind::limits:
    case StateKind::next_session:
    case StateKind::form_version:
      return Shape::nothing;
  }
  return Shape::unknown;
}

template <typename T>
void append_number(std::string& key, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof value) - 1); shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>(value >> shift));
  }
}

// Takes sizeof(T) bytes off the front of `rest`. Requires: they are there.
template <typename T>
T take_number(std::string_view& rest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | std::uint8_t(rest[i]);
  rest.remove_prefix(sizeof(T));
  return static_cast<T>(value);
}

std::size_t size_of(Shape shape) {
  switch (shape) {
    case Shape::number:
      return 8;
    case Shape::number_and_sequence:
      return 16;
    case Shape::number_and_part:
      return 10;
    case Shape::shard:
      return 2;
    case Shape::source:
      return 11;
    default:
      return 0;
  }
}

std::string queue_key(StateKind kind, std::uint64_t session_number, std::uint64_t sequence) {
  std::string key;
  key.reserve(17);
  key.push_back(static_cast<char>(kind));
  append_number(key, session_number);
  append_number(key, sequence);
  return key;
}

}  // namespace

std::string state_key(StateKind kind) { return std::string(1, static_cast<char>(kind)); }

std::string state_key(StateKind kind, std::string_view name) {
  DCHECK(shape_of(kind) == Shape::name);
  std::string key;
  key.reserve(1 + name.size());
  key.push_back(static_cast<char>(kind));
  key.append(name);
  return key;
}

std::string state_key(StateKind kind, std::uint64_t number) {
  DCHECK(shape_of(kind) == Shape::number || kind == StateKind::entry || kind == StateKind::body);
  std::string key = state_key(kind);
  append_number(key, number);
  return key;
}

std::string entry_key(std::uint64_t session_number, std::uint64_t sequence) {
  return queue_key(StateKind::entry, session_number, sequence);
}

std::string erasure_key(std::uint64_t session_number, std::uint64_t sequence) {
  return queue_key(StateKind::erasure, session_number, sequence);
}

std::string body_key(LogIndex index, std::uint16_t part) {
  std::string key = state_key(StateKind::body, index);
  append_number(key, part);
  return key;
}

std::string seen_key(ShardId source) {
  std::string key = state_key(StateKind::seen);
  append_number(key, source.value);
  return key;
}

std::string seen_key(const Source& source) {
  if (is_alone(source)) return seen_key(ShardId{source.part});
  std::string key = state_key(StateKind::seen_from);
  append_number(key, static_cast<std::uint8_t>(source.kind));
  append_number(key, source.life);
  append_number(key, source.part);
  return key;
}

std::string next_key(std::string_view prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.remove_suffix(1);
  std::string key(prefix);
  if (!key.empty()) ++key.back();
  return key;
}

std::optional<StateKey> parse_state_key(std::string_view key) {
  if (key.empty()) return std::nullopt;
  StateKey parsed{.kind = static_cast<StateKind>(key[0]), .name = {}};
  const Shape shape = shape_of(parsed.kind);
  std::string_view rest = key.substr(1);
  if (shape == Shape::name) {
    parsed.name = rest;
    return parsed;
  }
  if (shape == Shape::unknown || rest.size() != size_of(shape)) return std::nullopt;
  if (shape == Shape::source) {
    const auto kind = take_number<std::uint8_t>(rest);
    if (kind > static_cast<std::uint8_t>(Source::Kind::node)) return std::nullopt;
    parsed.source = static_cast<Source::Kind>(kind);
  }
  if (shape == Shape::shard) {
    parsed.number = take_number<std::uint16_t>(rest);
  } else if (shape != Shape::nothing) {
    parsed.number = take_number<std::uint64_t>(rest);
  }
  if (shape == Shape::number_and_sequence) parsed.sequence = take_number<std::uint64_t>(rest);
  if (shape == Shape::number_and_part || shape == Shape::source) {
    parsed.part = take_number<std::uint16_t>(rest);
  }
  return parsed;
}

}  // namespace roost::session
