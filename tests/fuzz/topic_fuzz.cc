// SPDX-License-Identifier: Apache-2.0
// Any text as filter and topic, split at the first line feed: parsing and matching against a
// second way to write both.
#include "broker/mqtt/topic.h"

#include <string>
#include <string_view>

#include "broker/base/bytes.h"
#include "broker/base/check.h"
#include "broker/mqtt/utf8.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace mqtt;

using Levels = std::vector<std::string>;

Levels levels_of(std::string_view text) {
  Levels levels(1);
  for (const char c : text) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

bool naive_match(const Levels& filter, const Levels& topic, std::size_t at) {
  if (at == filter.size()) return at == topic.size();
  const bool hidden = at == 0 && topic[0].starts_with('$');
  if (filter[at] == "#") return !hidden;
  if (at == topic.size()) return false;
  if (filter[at] == "+" ? hidden : filter[at] != topic[at]) return false;
  return naive_match(filter, topic, at + 1);
}

bool has_wildcard(std::string_view text) { return text.find_first_of("+#") != text.npos; }

bool naive_filter(std::string_view text, std::size_t levels_max) {
  if (text.empty() || !is_valid_name(text) || text.size() > 65'535) return false;
  Levels levels = levels_of(text);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const bool last = i + 1 == levels.size();
    if (has_wildcard(levels[i]) && levels[i] != "+" && !(levels[i] == "#" && last)) return false;
  }
  if (levels[0] == "$share" && levels.size() > 1) {
    if (levels.size() == 2 || levels[1].empty() || has_wildcard(levels[1])) return false;
    if (levels.size() == 3 && levels[2].empty()) return false;
    levels.erase(levels.begin(), levels.begin() + 2);
  }
  return levels.size() <= levels_max;
}

bool naive_name(std::string_view text, std::size_t levels_max) {
  return !text.empty() && text.size() <= 65'535 && is_valid_name(text) && !has_wildcard(text) &&
         levels_of(text).size() <= levels_max;
}

void run(std::string_view input) {
  const std::size_t split = input.find('\n');
  const std::string_view filter_text = input.substr(0, split);
  const std::string_view topic_text = split == input.npos ? "" : input.substr(split + 1);
  const auto filter = TopicFilter::parse(filter_text, 8);
  const auto topic = TopicName::parse(topic_text, 8);
  CHECK(filter.has_value() == naive_filter(filter_text, 8));
  CHECK(topic.has_value() == naive_name(topic_text, 8));
  CHECK(!is_valid_name(topic_text) || is_valid_utf8(topic_text));
  if (filter) {
    CHECK(filter->has_wildcard() == has_wildcard(filter->text()));
    CHECK(!filter->is_shared() || filter_text == "$share/" + std::string(filter->group()) + "/" +
                                                     std::string(filter->text()));
  }
  if (!filter || !topic) return;
  const bool expected = naive_match(levels_of(filter->text()), levels_of(topic_text), 0);
  CHECK(matches(filter->text(), topic_text) == expected);
  // Adding a level under a "#" changes nothing.
  if (expected && filter_text.ends_with('#')) {
    CHECK(matches(filter->text(), std::string(topic_text) + "/x"));
  }
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<roost::fuzz::Input> seeds;
  for (const std::string_view text : {"a/b\na/b", "#\na/b", "+/b\na/b", "a/#\na", "#\n$SYS/x",
                                      "$SYS/#\n$SYS/x", "$share/g/a/+\na/b", "+/+/#\n/a/",
                                      "a//b\na//b", "/\n/", "\xE2\x82\xAC/+\n\xE2\x82\xAC/x"}) {
    seeds.emplace_back(text.begin(), text.end());
  }
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run(roost::as_text({data, size}));
  return 0;
}
