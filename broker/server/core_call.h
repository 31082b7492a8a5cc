// SPDX-License-Identifier: Apache-2.0
// Asks cores from a thread that may wait, and waits with a limit: a core that is stuck, or has
// ended, is an error and nothing that holds the API up.
// Thread: never a core.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/result.h"
#include "broker/server/node.h"

namespace roost::server {

inline constexpr std::chrono::milliseconds kCoreAnswersWithin{4'000};

inline NodeCore& core_of(Node& node, std::string_view key) {
  return *node.on_core[node.cores.of(shard_of(key, node.config.shards)).id().value];
}

// Runs `ask(NodeCore&, done)` on that core; the answer is what `done` gets: on any thread, once.
template <typename T, typename Ask>
std::future<Result<T>> ask_core(NodeCore& core, Ask ask) {
  auto told = std::make_shared<std::promise<Result<T>>>();
  auto answered = told->get_future();
  core.sessions.core().post([&core, told, ask = std::move(ask)]() mutable {
    ask(core, [told](Result<T> value) { told->set_value(std::move(value)); });
  });
  return answered;
}

template <typename T>
Result<T> wait_for(std::future<Result<T>>& answered) {
  if (answered.wait_for(kCoreAnswersWithin) != std::future_status::ready) {
    return error(ErrorKind::unavailable, "a core doesn't answer in time");
  }
  try {
    return answered.get();
  } catch (const std::future_error&) {
    // Whoever was to answer is gone with the question.
    return error(ErrorKind::unavailable, "its shard is led elsewhere now, or the core has ended");
  }
}

template <typename T, typename Ask>
Result<T> from_core(NodeCore& core, Ask ask) {
  auto answered = ask_core<T>(core, std::move(ask));
  return wait_for(answered);
}

// Of all cores, in their order, at the same time. Errors: the first one.
template <typename T, typename Ask>
Result<std::vector<T>> from_cores(Node& node, const Ask& ask) {
  std::vector<std::future<Result<T>>> answered;
  for (const auto& core : node.on_core) answered.push_back(ask_core<T>(*core, ask));
  std::vector<T> all;
  for (auto& one : answered) {
    auto value = wait_for(one);
    if (!value) return Unexpected(std::move(value).error());
    all.push_back(std::move(*value));
  }
  return all;
}

// The shards of a core.
inline std::vector<ShardId> shards_of(Node& node, const NodeCore& core) {
  std::vector<ShardId> shards;
  for (std::uint16_t id = 0; id < node.config.shards; ++id) {
    if (node.on_core[node.cores.of(ShardId{id}).id().value].get() == &core) {
      shards.push_back(ShardId{id});
    }
  }
  return shards;
}

}  // namespace roost::server
