// SPDX-License-Identifier: Apache-2.0
// Any order of subscribing, unsubscribing, retaining and asking, a line each, beside plain lists
// that match one by one: the topic tree, the interest and the retained messages agree with them.
// `+0filter` and `-0filter` for an owner, `=topic` and `!topic` retain and clear, `?topic` who gets
// it, `~filter` what is retained.
#include "broker/routing/topic_tree.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/check.h"
#include "broker/mqtt/topic.h"
#include "broker/routing/interest.h"
#include "broker/routing/retained.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace routing;

constexpr std::uint32_t kLevelsMax = 300;  // beyond what a match holds without allocating
constexpr std::size_t kLinesMax = 400;

class Run {
 public:
  void line(std::string_view text) {
    if (text.size() < 2) return;
    const char kind = text[0];
    const unsigned number = static_cast<unsigned char>(text[1]) % 64;
    if (kind == '+' || kind == '-') {
      const auto filter = mqtt::TopicFilter::parse(text.substr(2), kLevelsMax);
      if (!filter) return;
      kind == '+' ? subscribe(filter->text(), number) : unsubscribe(filter->text(), number);
    } else if (kind == '~') {
      const auto filter = mqtt::TopicFilter::parse(text.substr(1), kLevelsMax);
      if (filter) match_retained(filter->text());
    } else if (mqtt::TopicName::parse(text.substr(1), kLevelsMax)) {
      const std::string_view topic = text.substr(1);
      if (kind == '=') retain(topic);
      if (kind == '!') clear(topic);
      if (kind == '?') match(topic);
    }
  }

  void finish() {
    while (!filters_.empty()) {
      const auto entry = *filters_.begin();
      unsubscribe(entry.first, entry.second);
    }
    while (!topics_.empty()) clear(std::string(*topics_.begin()));
    CHECK(tree_.filter_count() == 0 && tree_.memory_size() == empty_size_);
    CHECK(retained_.size() == 0 && retained_.payload_bytes() == 0);
  }

 private:
  // Any distinct addresses do.
  static void* owner(unsigned number) {
    static char places[64];
    return &places[number];
  }

  void subscribe(std::string_view filter, unsigned number) {
    const bool added = filters_.emplace(filter, number).second;
    CHECK(tree_.insert(filter, {owner(number), number, {}}) == added);
    if (added) interest_.add(filter, number);
    CHECK(tree_.size() == filters_.size());
  }

  void unsubscribe(std::string_view text, unsigned number) {
    const std::string filter(text);
    const bool erased = filters_.erase({filter, number}) > 0;
    CHECK(tree_.erase(filter, owner(number)) == erased);
    if (erased) interest_.remove(filter, number);
  }

  void match(std::string_view topic) {
    std::multiset<unsigned> expected, found;
    std::uint64_t slots = 0;
    for (const auto& [filter, number] : filters_) {
      if (!mqtt::matches(filter, topic)) continue;
      expected.insert(number);
      slots |= std::uint64_t{1} << number;
    }
    tree_.match(topic, [&](const Subscriber& each) { found.insert(each.subscription_id); });
    CHECK(found == expected);
    CHECK(tree_.matches_any(topic) == !expected.empty());
    CHECK((interest_.candidates(topic) & slots) == slots);
  }

  void retain(std::string_view topic) {
    MessageParts parts;
    parts.topic = topic;
    parts.payload = as_bytes(topic);
    retained_.set(Message::make(parts));
    topics_.emplace(topic);
    CHECK(retained_.size() == topics_.size());
  }

  void clear(std::string_view topic) {
    CHECK(retained_.clear(topic) == (topics_.erase(std::string(topic)) > 0));
  }

  void match_retained(std::string_view filter) {
    std::multiset<std::string> expected, found;
    for (const std::string& topic : topics_) {
      if (mqtt::matches(filter, topic)) expected.insert(topic);
    }
    std::vector<MessagePtr> messages;
    retained_.match(filter, 0, messages);
    for (const MessagePtr& each : messages) found.emplace(each->topic());
    CHECK(found == expected);
  }

  TopicTree tree_;
  SlotInterest interest_;
  RetainedStore retained_;
  std::set<std::pair<std::string, unsigned>> filters_;
  std::set<std::string> topics_;
  std::size_t empty_size_ = tree_.memory_size();
};

void run(std::string_view input) {
  Run run;
  for (std::size_t lines = 0; lines < kLinesMax && !input.empty(); ++lines) {
    const std::size_t end = input.find('\n');
    run.line(input.substr(0, end));
    input.remove_prefix(end == input.npos ? input.size() : end + 1);
  }
  run.finish();
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<roost::fuzz::Input> seeds;
  for (const std::string_view text :
       {"+0a/b\n+1a/+\n+2#\n?a/b\n-1a/+\n?a/b", "+0a/#\n?a\n?a/\n-0a/#", "=a/b\n=a\n~a/#\n!a\n~+/+",
        "=$SYS/x\n~#\n~$SYS/#\n+0+/x\n?$SYS/x", "+0//+/\n?///\n=//\n~+//",
        "+0+/+/#\n+1+/b/c\n?a/b/c",
        "=a level of more than twenty bytes/x\n~+/x\n+0a level of more than twenty bytes/+"}) {
    seeds.emplace_back(text.begin(), text.end());
  }
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run(roost::as_text({data, size}));
  return 0;
}
