// SPDX-License-Identifier: Apache-2.0
// Any text as a YAML file of rules and as an ACL file of mosquitto's, then questions by a client of
// any names: what is decided is explained the same way, and no filter is granted that reaches what
// a rule forbids. Input: client id, user name, topic or filter, a line each; then the file.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "broker/auth/rules.h"
#include "broker/base/bytes.h"
#include "broker/base/check.h"
#include "broker/mqtt/topic.h"
#include "tests/fuzz/seeds.h"

namespace roost::fuzz {
namespace {

using namespace auth;

std::string_view take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

bool decide(const Rules& rules, Right right, const Subject& who, std::string_view topic) {
  const bool allowed = rules.allows(right, who, topic);
  const Rules::Explanation explanation = rules.explain(right, who, topic);
  CHECK(explanation.allowed == allowed);
  CHECK(!explanation.why.empty());
  return allowed;
}

void ask(const Rules& rules, const Subject& who, std::string_view topic, bool is_yaml) {
  const auto filter = mqtt::TopicFilter::parse(topic);
  if (!filter || filter->is_shared()) return;
  const bool granted = decide(rules, Right::subscribe, who, topic);
  if (filter->has_wildcard()) {
    // A topic of it is granted as well, unless it is refused for what may be received.
    std::string inside(topic);
    std::replace(inside.begin(), inside.end(), '+', 'x');
    std::replace(inside.begin(), inside.end(), '#', 'x');
    if (is_yaml && granted && !rules.asks_on_receive())
      CHECK(decide(rules, Right::subscribe, who, inside));
    return;
  }
  decide(rules, Right::publish, who, topic);
  decide(rules, Right::retain, who, topic);
  const bool received = decide(rules, Right::receive, who, topic);
  if (!rules.asks_on_receive()) CHECK(received);
  // A filter of one topic is granted only where that topic may be received; mosquitto's are where.
  CHECK(!granted || received);
  if (!is_yaml) CHECK(granted == received);
}

void run(std::string_view input) {
  const std::string_view client_id = take_line(input);
  Identity identity;
  identity.user_name = take_line(input);
  const std::string_view topic = take_line(input);
  identity.certificate_common_name = client_id;
  identity.listener = "main";
  identity.address = topic;
  identity.groups = {"g"};
  identity.claims = {{"a", identity.user_name}};
  const Subject who{client_id, identity};
  const auto yaml = parse_rules(input, "f");
  const auto acl = parse_mosquitto_acl(input, "f");
  for (const auto* made : {&yaml, &acl}) {
    if (!*made) {
      CHECK((*made).error().message.starts_with("f:"));
      continue;
    }
    for (const std::string_view asked : {topic, std::string_view("a/b"), std::string_view("#")}) {
      ask(***made, who, asked, made == &yaml);
    }
  }
}

}  // namespace
}  // namespace roost::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  std::vector<roost::fuzz::Input> seeds;
  for (const std::string_view text :
       {"c\nann\na/b\nrules: [{allow: all, topics: [a/+, 'x/%c/#'], users: [ann, l*]}]",
        "c/d\nann\na/c/d\n- {deny: all, topics: 'a/%c/#'}\n- {allow: all, topics: '#'}",
        "c\n\na/ann/#\ngroups: {g: [], h: ann}\ndefault: allow\nrules:\n- deny: [publish, "
        "receive]\n"
        "  topics: \"a/%u/%cn/%{a}/%%\"\n  groups: [g, h]\n  networks: [10.0.0.0/8, 'fd00::/8', "
        "unix]\n"
        "  clients: c*\n  common_names: '*'\n  listeners: main\n  anonymous: true\n",
        "c\nann\na/b\nuser ann\ntopic read a/#\ntopic deny a/b\npattern write dev/%c/%u\n",
        "c\n\n10.0.0.1\ntopic readwrite #\n# x\npattern deny %c\n", "a\nb\n$SYS/#\n[[[[[[{a: [",
        "a\nb\n::1\n- - - ? - [{allow: &x [all], topics: *x}]"}) {
    seeds.emplace_back(text.begin(), text.end());
  }
  roost::fuzz::write_seeds(*argc, *argv, seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  roost::fuzz::run(roost::as_text({data, size}));
  return 0;
}
