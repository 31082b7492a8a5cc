// SPDX-License-Identifier: Apache-2.0
// What finding the receivers of a topic costs, and what a filter takes in memory (heap bytes as the
// allocator counts them, counter `B/filter`). Run: routing_bench --benchmark_filter=TopicTree
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/routing/interest.h"
#include "broker/routing/message.h"
#include "broker/routing/retained.h"
#include "broker/routing/router.h"
#include "broker/routing/share_group.h"
#include "broker/routing/topic_tree.h"

namespace roost::routing {
namespace {

using Shape = std::function<std::string(int)>;

std::size_t heap_bytes() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Any distinct addresses do.
Subscriber subscriber(int number) {
  static char places[100'000];
  return {&places[number], 0, {}};
}

std::vector<std::string> texts(int count, const Shape& shape) {
  std::vector<std::string> made;
  made.reserve(count);
  for (int i = 0; i < count; ++i) made.push_back(shape(i));
  return made;
}

// A permutation that the prefetcher can't guess.
std::vector<std::string> shuffled(std::vector<std::string> list) {
  std::vector<std::string> mixed;
  for (std::size_t i = 0; i < list.size(); ++i) mixed.push_back(list[i * 7'919 % list.size()]);
  return mixed;
}

void run_matches(benchmark::State& state, const Shape& filter, const Shape& topic) {
  const int count = static_cast<int>(state.range(0));
  const auto filters = texts(count, filter);
  const auto topics = shuffled(texts(count, topic));
  const std::size_t before = heap_bytes();
  TopicTree tree;
  for (int i = 0; i < count; ++i) tree.insert(filters[i], subscriber(i));
  const std::size_t taken = heap_bytes() - before;
  std::size_t next = 0, found = 0;
  for (auto _ : state) {
    tree.match(topics[next], [&](const Subscriber& s) { found += s.owner != nullptr; });
    if (++next == topics.size()) next = 0;
  }
  state.counters["found"] =
      benchmark::Counter(static_cast<double>(found), benchmark::Counter::kAvgIterations);
  state.counters["B/filter"] = static_cast<double>(taken) / count;
  state.counters["B/filter-said"] = static_cast<double>(tree.memory_size()) / count;
}

std::string number(int i) { return std::to_string(i); }

void topic_tree_exact(benchmark::State& state) {
  const Shape shape = [](int i) { return "bench/device" + number(i) + "/state"; };
  run_matches(state, shape, shape);
}
BENCHMARK(topic_tree_exact)->Arg(1)->Arg(100)->Arg(100'000);

void topic_tree_exact_miss(benchmark::State& state) {
  run_matches(
      state, [](int i) { return "bench/device" + number(i) + "/state"; },
      [](int i) { return "bench/device" + number(i) + "/set"; });
}
BENCHMARK(topic_tree_exact_miss)->Arg(100)->Arg(100'000);

void topic_tree_plus_in_the_middle(benchmark::State& state) {
  run_matches(
      state, [](int i) { return "bench/+/n" + number(i); },
      [](int i) { return "bench/x/n" + number(i); });
}
BENCHMARK(topic_tree_plus_in_the_middle)->Arg(1)->Arg(100)->Arg(100'000);

void topic_tree_plus_below_many(benchmark::State& state) {
  run_matches(
      state, [](int i) { return "n" + number(i) + "/+/x"; },
      [](int i) { return "n" + number(i) + "/y/x"; });
}
BENCHMARK(topic_tree_plus_below_many)->Arg(100)->Arg(100'000);

void topic_tree_hash_at_the_end(benchmark::State& state) {
  run_matches(
      state, [](int i) { return "a/" + number(i) + "/#"; },
      [](int i) { return "a/" + number(i) + "/b/c"; });
}
BENCHMARK(topic_tree_hash_at_the_end)->Arg(100)->Arg(100'000);

void topic_tree_wildcard_miss(benchmark::State& state) {
  run_matches(
      state, [](int i) { return "bench/+/n" + number(i); },
      [](int i) { return "bench/x/m" + number(i); });
}
BENCHMARK(topic_tree_wildcard_miss)->Arg(100'000);

// 10 000 filters of 100 levels, none of which matches.
void topic_tree_filter_bomb(benchmark::State& state) {
  const auto repeated = [](const char* level, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += level;
    return text;
  };
  run_matches(
      state,
      [&](int i) {
        return repeated("+/", i % 100) + "a/" + repeated("+/", 99 - i % 100) + "n" + number(i);
      },
      [&](int) { return repeated("a/", 100) + "x"; });
}
BENCHMARK(topic_tree_filter_bomb)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void topic_tree_fan_out(benchmark::State& state) {
  TopicTree tree;
  for (int i = 0; i < state.range(0); ++i) tree.insert("news/+", subscriber(i));
  std::uintptr_t sum = 0;
  for (auto _ : state) {
    tree.match("news/today", [&](const Subscriber& s) { sum += s.subscription_id; });
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(topic_tree_fan_out)->Arg(100)->Arg(10'000);

void topic_tree_insert_and_erase(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  const auto filters = texts(count, [](int i) { return "n" + number(i) + "/+/x"; });
  for (auto _ : state) {
    TopicTree tree;
    for (int i = 0; i < count; ++i) tree.insert(filters[i], subscriber(i));
    for (int i = 0; i < count; ++i) tree.erase(filters[i], subscriber(i).owner);
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(topic_tree_insert_and_erase)->Arg(10'000)->Unit(benchmark::kMicrosecond);

template <typename Add, typename Candidates>
void run_candidates(benchmark::State& state, std::size_t before, Add add, Candidates candidates) {
  const int count = static_cast<int>(state.range(0));
  for (int i = 0; i < count; ++i) {
    add(i % 2 == 0 ? "bench/+/n" + number(i) : "n" + number(i) + "/+/x", i);
  }
  const std::size_t taken = heap_bytes() - before;
  const auto topics = shuffled(texts(count, [](int i) { return "n" + number(i) + "/y/x"; }));
  std::size_t next = 0;
  std::uint64_t bits = 0;
  for (auto _ : state) {
    bits |= candidates(topics[next]);
    if (++next == topics.size()) next = 0;
  }
  benchmark::DoNotOptimize(bits);
  state.counters["B/filter"] = static_cast<double>(taken) / count;
}

// B/filter counts the 2 MiB of buckets whole, of which only used pages are ever in memory.
void shared_interest(benchmark::State& state) {
  const std::size_t before = heap_bytes();
  SharedInterest shared;
  std::vector<InterestWriter> writers;
  for (unsigned i = 0; i < 2; ++i) writers.emplace_back(shared, i);
  run_candidates(
      state, before, [&](const std::string& filter, int i) { writers[i % 2].add(filter); },
      [&](const std::string& topic) { return shared.candidates(topic); });
}
BENCHMARK(shared_interest)->Arg(100)->Arg(100'000);

void slot_interest(benchmark::State& state) {
  const std::size_t before = heap_bytes();
  SlotInterest interest;
  run_candidates(
      state, before, [&](const std::string& filter, int i) { interest.add(filter, i % 64); },
      [&](const std::string& topic) { return interest.candidates(topic); });
}
BENCHMARK(slot_interest)->Arg(100)->Arg(100'000);

MessagePtr message(const std::string& topic) {
  MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(topic);
  parts.retain = true;
  return Message::make(parts);
}

void run_retained(benchmark::State& state, const std::vector<std::string>& filters) {
  const int count = static_cast<int>(state.range(0));
  std::vector<MessagePtr> messages;
  messages.reserve(state.range(0));
  for (int i = 0; i < count; ++i) {
    messages.push_back(message("homeassistant/sensor/n" + number(i) + "/config"));
  }
  const std::size_t before = heap_bytes();
  RetainedStore store;
  for (const MessagePtr& each : messages) store.set(each);
  const std::size_t taken = heap_bytes() - before;
  std::size_t next = 0, found = 0;
  std::vector<MessagePtr> out;
  for (auto _ : state) {
    out.clear();
    store.match(filters[next], 0, out);
    found += out.size();
    if (++next == filters.size()) next = 0;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(found));
  state.counters["B/topic"] = static_cast<double>(taken) / count;
}

void retained_all(benchmark::State& state) { run_retained(state, {"#"}); }
BENCHMARK(retained_all)->Arg(5'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void retained_plus(benchmark::State& state) { run_retained(state, {"homeassistant/+/+/config"}); }
BENCHMARK(retained_plus)->Arg(5'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void retained_one(benchmark::State& state) {
  run_retained(state, shuffled(texts(static_cast<int>(state.range(0)), [](int i) {
                 return "homeassistant/+/n" + number(i) + "/#";
               })));
}
BENCHMARK(retained_one)->Arg(5'000)->Arg(100'000);

void retained_set(benchmark::State& state) {
  std::vector<MessagePtr> messages;
  messages.reserve(state.range(0));
  for (int i = 0; i < state.range(0); ++i) messages.push_back(message("a/b/n" + number(i)));
  for (auto _ : state) {
    RetainedStore store;
    for (const MessagePtr& each : messages) store.set(each);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(retained_set)->Arg(100'000)->Unit(benchmark::kMicrosecond);

void share_group_next(benchmark::State& state) {
  ShareGroup group("g", "f");
  for (int i = 0; i < state.range(0); ++i) {
    ShareMember member;
    member.client_id = "client" + number(i);
    member.connected = i % 2 == 0;
    group.join(std::move(member));
  }
  for (auto _ : state) benchmark::DoNotOptimize(group.next("somebody"));
}
BENCHMARK(share_group_next)->Arg(10)->Arg(10'000);

struct Nobody final : LocalDelivery {
  bool deliver_local(const MessagePtr&, ConfirmTo, const std::optional<Source>&) override {
    return ++delivered != 0;
  }
  bool deliver_volatile(const MessagePtr&, ConfirmTo, const std::optional<Source>&) override {
    return ++delivered != 0;
  }
  void store_retained(const MessagePtr&, ConfirmTo, const std::optional<Source>&) override {}
  std::uint64_t delivered = 0;
};

// A node alone with one core: what Router::publish costs beside delivery. Arg: durable or not.
void router_publish(benchmark::State& state) {
  const ManualClock clock;
  core::Cores cores(1, clock);
  RoutingTable table;
  Nobody nobody;
  Router router(cores.at(CoreId{0}), cores, table, nobody);
  table.routers.push_back(&router);
  InterestWriter(state.range(0) == 0 ? table.volatiles : table.durables, 0).add("bench/topic");
  MessageParts parts;
  parts.topic = "bench/topic";
  const MessagePtr message = Message::make(parts);
  cores.at(CoreId{0}).post([&] {
    for (auto _ : state) router.publish(message, {});
  });
  cores.at(CoreId{0}).run_once(0);
  benchmark::DoNotOptimize(nobody.delivered);
}
BENCHMARK(router_publish)->Arg(0)->Arg(1);

}  // namespace
}  // namespace roost::routing
