// SPDX-License-Identifier: Apache-2.0
#include "cluster/shard_record.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

namespace roost::cluster {
namespace {

constexpr std::size_t kTextMax = 64 << 10;
constexpr std::size_t kReplicasMax = 64;  // of one list
constexpr std::uint64_t kFeatureLevelMax = 1'000'000;
constexpr std::string_view kShardHeader = "roost shard 1";
constexpr std::string_view kNodeHeader = "roost node 1";
constexpr std::string_view kDigits = "0123456789abcdef";

// A word of a line: what would end it, and %, as %xx.
void add_word(std::string& text, std::string_view word) {
  text += ' ';
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte != 0x7F && c != '%') {
      text += c;
      continue;
    }
    text += '%';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
}

void add(std::string& text, std::string_view field, std::uint64_t number) {
  text += field;
  text += ' ' + std::to_string(number) + '\n';
}

void add(std::string& text, std::string_view field, std::string_view word) {
  text += field;
  add_word(text, word);
  text += '\n';
}

void add(std::string& text, std::string_view field, const Replica& replica) {
  text += field;
  add_word(text, replica.name);
  add_word(text, replica.store);
  text += '\n';
}

void add(std::string& text, std::string_view field, const Replicas& replicas) {
  for (const Replica& replica : replicas) add(text, field, replica);
}

// Goes through the lines; the first thing that is wrong is kept.
class Lines {
 public:
  explicit Lines(std::string_view text) : left_(text) {
    if (text.size() > kTextMax) fail("longer than " + std::to_string(kTextMax) + " bytes");
  }

  // The next line's field; its words are read from then on. False: at the end, or failed.
  bool next(std::string_view& field) {
    if (left_.empty() || !wrong_.empty()) return false;
    ++number_;
    const std::size_t end = left_.find('\n');
    if (end == std::string_view::npos) {
      fail("is cut off");
      return false;
    }
    line_ = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    const std::size_t space = std::min(line_.find(' '), line_.size());
    field = line_.substr(0, space);
    words_ = line_.substr(space);
    return true;
  }
  std::string_view line() const { return line_; }

  void once(std::string_view field) {
    if (!seen_.insert(std::string(field)).second) fail("has " + std::string(field) + " again");
  }

  void read(std::uint64_t& number) {
    const std::string_view word = next_word();
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size()) fail("has no number");
    at_end();
  }

  void read(std::string& word) {
    word = unescaped(next_word());
    at_end();
  }

  void read(Replica& replica) {
    replica.name = unescaped(next_word());
    replica.store = unescaped(next_word());
    if (replica.name.empty()) fail("has no name");
    at_end();
  }

  void read(Replicas& replicas) {
    Replica replica;
    read(replica);
    if (std::find(replicas.begin(), replicas.end(), replica) != replicas.end()) {
      fail("has " + replica.name + " again");
    }
    if (replicas.size() == kReplicasMax) fail("is one too many");
    replicas.push_back(std::move(replica));
  }

  void fail(std::string what) {
    if (wrong_.empty()) wrong_ = "line " + std::to_string(number_) + " " + std::move(what);
  }
  bool has_failed() const { return !wrong_.empty(); }
  Unexpected<Error> failure() const { return error(ErrorKind::corrupt, wrong_); }

 private:
  std::string_view next_word() {
    if (words_.empty()) {
      fail("is too short");
      return {};
    }
    words_.remove_prefix(1);
    const std::size_t end = std::min(words_.find(' '), words_.size());
    const std::string_view word = words_.substr(0, end);
    words_.remove_prefix(end);
    return word;
  }

  void at_end() {
    if (!words_.empty()) fail("is too long");
  }

  std::string unescaped(std::string_view word) {
    std::string text;
    while (!word.empty()) {
      if (word[0] != '%') {
        text += word[0];
        word.remove_prefix(1);
        continue;
      }
      const std::size_t high = word.size() < 3 ? kDigits.npos : kDigits.find(word[1]);
      const std::size_t low = word.size() < 3 ? kDigits.npos : kDigits.find(word[2]);
      if (high == kDigits.npos || low == kDigits.npos) {
        fail("has a wrong escape");
        return {};
      }
      text += static_cast<char>(high << 4 | low);
      word.remove_prefix(3);
    }
    return text;
  }

  std::string_view left_, line_, words_;
  int number_ = 0;
  std::set<std::string> seen_;
  std::string wrong_;
};

// What no record of ours can be, whoever wrote it.
std::string fault_of(const ShardRecord& record) {
  const auto is_in = [](const Replica& one, const Replicas& list) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  if (record.counter == 0) return "counter is missing";
  if (record.min_in_sync == 0) return "min_in_sync is 0";
  if (!record.leader.name.empty() && !is_in(record.leader, record.isr)) {
    return "the leader is not in the isr";
  }
  for (const Replica& replica : record.adding) {
    if (!is_in(replica, record.replicas)) return replica.name + " is added but no replica";
  }
  return {};
}

}  // namespace

std::string encode(const ShardRecord& record) {
  std::string text(kShardHeader);
  text += '\n';
  add(text, "counter", record.counter);
  add(text, "lineage", record.lineage);
  add(text, "epoch", record.epoch);
  if (!record.leader.name.empty()) add(text, "leader", record.leader);
  add(text, "isr", record.isr);
  add(text, "replica", record.replicas);
  add(text, "adding", record.adding);
  add(text, "removing", record.removing);
  add(text, "min_in_sync", record.min_in_sync);
  return text;
}

std::string encode(const NodeRecord& record) {
  std::string text(kNodeHeader);
  text += '\n';
  add(text, "name", std::string_view(record.name));
  add(text, "address", std::string_view(record.address));
  add(text, "incarnation", record.incarnation);
  add(text, "store", std::string_view(record.store));
  add(text, "version", std::string_view(record.version));
  add(text, "zone", std::string_view(record.zone));
  if (record.feature_level > 0) add(text, "feature_level", std::uint64_t{record.feature_level});
  if (record.brings != Brought::nothing) {
    add(text, "brings_data", static_cast<std::uint64_t>(record.brings));
    add(text, "brings_epoch", record.brings_epoch);
  }
  return text;
}

Result<ShardRecord> decode_shard_record(std::string_view text) {
  ShardRecord record;
  Lines lines(text);
  std::string_view field;
  std::uint64_t min_in_sync = 1;
  if (!lines.next(field) || lines.line() != kShardHeader) lines.fail("is no shard record");
  while (lines.next(field)) {
    if (field == "isr") {
      lines.read(record.isr);
    } else if (field == "replica") {
      lines.read(record.replicas);
    } else if (field == "adding") {
      lines.read(record.adding);
    } else if (field == "removing") {
      lines.read(record.removing);
    } else {
      lines.once(field);
      if (field == "counter") lines.read(record.counter);
      if (field == "lineage") lines.read(record.lineage);
      if (field == "epoch") lines.read(record.epoch);
      if (field == "leader") lines.read(record.leader);
      if (field == "min_in_sync") lines.read(min_in_sync);
    }
  }
  if (min_in_sync > kReplicasMax) lines.fail("wants too many in sync");
  record.min_in_sync = static_cast<std::uint32_t>(min_in_sync);
  if (const std::string fault = fault_of(record); !fault.empty()) lines.fail(": " + fault);
  if (lines.has_failed()) return lines.failure();
  return record;
}

Result<NodeRecord> decode_node_record(std::string_view text) {
  NodeRecord record;
  Lines lines(text);
  std::string_view field;
  std::uint64_t feature_level = 0, brings = 0;
  if (!lines.next(field) || lines.line() != kNodeHeader) lines.fail("is no node record");
  while (lines.next(field)) {
    lines.once(field);
    if (field == "name") lines.read(record.name);
    if (field == "address") lines.read(record.address);
    if (field == "incarnation") lines.read(record.incarnation);
    if (field == "store") lines.read(record.store);
    if (field == "version") lines.read(record.version);
    if (field == "zone") lines.read(record.zone);
    if (field == "feature_level") lines.read(feature_level);
    if (field == "brings_data") lines.read(brings);
    if (field == "brings_epoch") lines.read(record.brings_epoch);
  }
  if (feature_level > kFeatureLevelMax) lines.fail("has a feature level that can't be");
  record.feature_level = static_cast<std::uint32_t>(feature_level);
  record.brings = brings == 0   ? Brought::nothing
                  : brings == 2 ? Brought::bookkeeping
                                : Brought::content;
  if (record.name.empty()) lines.fail(": name is missing");
  if (lines.has_failed()) return lines.failure();
  return record;
}

}  // namespace roost::cluster
