// SPDX-License-Identifier: Apache-2.0
#include "tests/support/wire_cases.h"

#include <charconv>
#include <cstdlib>
#include <iterator>

#include "broker/base/check.h"
#include "broker/mqtt/encode.h"

namespace roost::support {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Reads one field after the other; `{` recurses.
class Notation {
 public:
  explicit Notation(std::string_view text) : rest_(text) {}

  Bytes fields(bool nested) {
    Bytes out;
    for (skip_spaces(); !rest_.empty(); skip_spaces()) {
      if (nested && rest_.front() == '}') {
        rest_.remove_prefix(1);
        return out;
      }
      field(out);
    }
    CHECK(!nested);
    return out;
  }

  // The whole packet: the `*` behind the first byte counts what follows.
  Bytes packet() {
    skip_spaces();
    Bytes head;
    hex(take_word(), head);
    skip_spaces();
    const bool counted = !rest_.empty() && rest_.front() == '*';
    if (counted) rest_.remove_prefix(1);
    const Bytes body = fields(false);
    if (counted) mqtt::append_varint(static_cast<std::uint32_t>(body.size()), head);
    head.insert(head.end(), body.begin(), body.end());
    return head;
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  std::string_view take_word() {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(" }"));
    rest_.remove_prefix(word.size());
    return word;
  }

  std::string_view take_quoted() {
    const std::size_t end = rest_.find(rest_.front(), 1);
    CHECK(end != std::string_view::npos);
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }

  void field(Bytes& out) {
    if (rest_.front() == '\'') {
      const std::string_view text = take_quoted();
      out.push_back(static_cast<std::uint8_t>(text.size() >> 8));
      out.push_back(static_cast<std::uint8_t>(text.size()));
      out.insert(out.end(), text.begin(), text.end());
    } else if (rest_.front() == '~') {
      const std::string_view text = take_quoted();
      out.insert(out.end(), text.begin(), text.end());
    } else if (rest_.front() == '{') {
      rest_.remove_prefix(1);
      const Bytes block = fields(true);
      mqtt::append_varint(static_cast<std::uint32_t>(block.size()), out);
      out.insert(out.end(), block.begin(), block.end());
    } else {
      hex(take_word(), out);
    }
  }

  static std::size_t number(std::string_view digits, int base) {
    std::size_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    CHECK(error == std::errc{} && end == digits.data() + digits.size());
    return value;
  }

  static void hex(std::string_view word, Bytes& out) {
    const std::size_t times = word.find('x');
    if (times != std::string_view::npos) {
      const auto byte = static_cast<std::uint8_t>(number(word.substr(0, times), 16));
      out.insert(out.end(), number(word.substr(times + 1), 10), byte);
      return;
    }
    CHECK(!word.empty() && word.size() % 2 == 0);
    for (std::size_t i = 0; i < word.size(); i += 2) {
      out.push_back(static_cast<std::uint8_t>(number(word.substr(i, 2), 16)));
    }
  }

  std::string_view rest_;
};

}  // namespace

std::vector<WireCase> all_wire_cases() {
  std::vector<WireCase> all;
  for (const auto cases : {connect_cases(), connack_cases(), publish_cases(), ack_cases(),
                           subscribe_cases(), other_cases(), property_cases()}) {
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

std::vector<std::uint8_t> wire_bytes(std::string_view notation) {
  return Notation(notation).packet();
}

std::vector<mqtt::ProtocolVersion> versions_of(const WireCase& row) {
  std::vector<mqtt::ProtocolVersion> versions;
  if (row.versions & kV31) versions.push_back(mqtt::ProtocolVersion::v3_1);
  if (row.versions & kV311) versions.push_back(mqtt::ProtocolVersion::v3_1_1);
  if (row.versions & kV5) versions.push_back(mqtt::ProtocolVersion::v5);
  return versions;
}

}  // namespace roost::support
