// SPDX-License-Identifier: Apache-2.0
// What it costs to ask whether a client may publish, receive or subscribe, and what rules take in
// memory (heap bytes as the allocator counts them, counter `B/rule`).
// Run: acl_bench --benchmark_filter=general
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "broker/auth/rules.h"
#include "broker/base/check.h"

namespace roost::auth {
namespace {

constexpr std::string_view kGeneral = R"(
groups:
  staff: [ann, bob]
rules:
  - {deny: [publish, receive], topics: home/secret/#, networks: 10.0.0.0/8}
  - {allow: all, topics: "#", groups: staff}
  - {allow: [publish, subscribe], topics: "dev/%c/#"}
  - {allow: [publish, subscribe], topics: "home/%u/+/state", users: lamp-*}
  - {allow: subscribe, topics: [news/#, "$SYS/#"]}
)";

RulesPtr checked(Result<RulesPtr> made) {
  CHECK(made.has_value());
  return *made;
}

Identity identity(std::string user) {
  Identity made;
  made.user_name = std::move(user);
  made.listener = "main";
  made.address = "192.168.1.20";
  return made;
}

void ask(benchmark::State& state, Right right, std::string_view topic, bool expected) {
  const auto rules = checked(parse_rules(kGeneral, "acl.yaml"));
  const Identity who = identity("lamp-7");
  for (auto _ : state) {
    CHECK(rules->allows(right, {"sensor-1", who}, topic) == expected);
  }
}

void general_publish_literal_below(benchmark::State& state) {
  ask(state, Right::publish, "dev/sensor-1/temperature", true);
}
BENCHMARK(general_publish_literal_below);

void general_publish_user_and_plus(benchmark::State& state) {
  ask(state, Right::publish, "home/lamp-7/hall/state", true);
}
BENCHMARK(general_publish_user_and_plus);

void general_publish_no_rule(benchmark::State& state) {
  ask(state, Right::publish, "garden/pump/state", false);
}
BENCHMARK(general_publish_no_rule);

void general_publish_by_network(benchmark::State& state) {
  ask(state, Right::publish, "home/secret/lamp", false);
}
BENCHMARK(general_publish_by_network);

void general_receive(benchmark::State& state) { ask(state, Right::receive, "news/today", true); }
BENCHMARK(general_receive);

void general_subscribe(benchmark::State& state) {
  ask(state, Right::subscribe, "dev/sensor-1/+", true);
}
BENCHMARK(general_subscribe);

// mosquitto's file: three lines about each user, two patterns. Arguments: users in the file, and
// how many of them ask in turn, in an order that the prefetcher can't guess: a few find their lines
// in the cache, all of them neither lines nor names.
std::string many_users(int count) {
  std::string text = "pattern readwrite dev/%c/#\npattern read news/%u\n";
  for (int i = 0; i < count; ++i) {
    const std::string name = "user" + std::to_string(i);
    text.append("user ").append(name).append("\ntopic readwrite home/").append(name);
    text.append("/#\ntopic read weather/+\ntopic deny home/").append(name).append("/key\n");
  }
  return text;
}

void ask_many(benchmark::State& state, Right right, const std::string& tail, bool expected) {
  const int count = static_cast<int>(state.range(0));
  const std::string text = many_users(count);
  const auto heap = [] { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; };
  const std::size_t before = heap();
  const auto rules = checked(parse_mosquitto_acl(text, "acl"));
  const std::size_t taken = heap() - before;
  std::vector<Identity> who;
  std::vector<std::string> topics;
  for (int i = 0; i < state.range(1); ++i) {
    const std::string name = "user" + std::to_string(i * 7'919LL % count);
    who.push_back(identity(name));
    topics.push_back("home/" + name + tail);
  }
  std::size_t next = 0;
  for (auto _ : state) {
    CHECK(rules->allows(right, {"sensor-1", who[next]}, topics[next]) == expected);
    if (++next == who.size()) next = 0;
  }
  state.counters["B/rule"] = static_cast<double>(taken) / static_cast<double>(rules->size());
}

void many_users_publish(benchmark::State& state) {
  ask_many(state, Right::publish, "/lamp/set", true);
}
BENCHMARK(many_users_publish)->Args({1, 1})->Args({100'000, 1'000})->Args({100'000, 100'000});

void many_users_publish_denied(benchmark::State& state) {
  ask_many(state, Right::publish, "/key", false);
}
BENCHMARK(many_users_publish_denied)->Args({100'000, 1'000});

void many_users_publish_no_rule(benchmark::State& state) {
  ask_many(state, Right::publish, "x/lamp/set", false);
}
BENCHMARK(many_users_publish_no_rule)->Args({100'000, 1'000});

void many_users_subscribe(benchmark::State& state) {
  ask_many(state, Right::subscribe, "/#", true);
}
BENCHMARK(many_users_subscribe)->Args({100'000, 1'000});

void many_users_parse(benchmark::State& state) {
  const std::string text = many_users(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(checked(parse_mosquitto_acl(text, "acl")));
}
BENCHMARK(many_users_parse)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace roost::auth
