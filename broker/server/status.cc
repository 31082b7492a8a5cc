// SPDX-License-Identifier: Apache-2.0
#include "broker/server/status.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "broker/server/node.h"
#include "broker/server/node_cluster.h"
#include "broker/server/time_text.h"
#include "broker/server/version.h"

namespace roost::server {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using S = session::SessionCounters;

std::uint64_t sum(const Node& node, Counter S::*counter) {
  std::uint64_t all = 0;
  for (const auto& one : node.on_core) {
    all += (std::as_const(one->sessions).counters().*counter).value();
  }
  return all;
}

constexpr auto kCorePatience = std::chrono::seconds(1);

// Of one core, without $SYS, which is of this process and never on disk.
std::uint64_t retained_of(Node& node, std::size_t core) {
  session::SessionTable& table = node.on_core[core]->sessions;
  std::uint64_t count = 0;
  for (std::uint16_t id = 0; id < node.config.shards; ++id) {
    if (&node.cores.of(ShardId{id}) != &table.core()) continue;
    const routing::RetainedStore& retained = table.shard(ShardId{id}).retained();
    std::vector<routing::MessagePtr> own;
    retained.match("$SYS/#", table.core().now_ms(), own);
    count += retained.size() - own.size();
  }
  return count;
}

// Before the node is ready, or where a core is too busy to say: all that are kept in memory.
std::uint64_t retained_messages(Node& node) {
  if (!node.ready.load()) return sum(node, &S::retained);
  std::vector<std::future<std::uint64_t>> answers;
  for (std::size_t core = 0; core < node.on_core.size(); ++core) {
    auto answer = std::make_shared<std::promise<std::uint64_t>>();
    answers.push_back(answer->get_future());
    node.on_core[core]->sessions.core().post(
        [&node, core, answer] { answer->set_value(retained_of(node, core)); });
  }
  std::uint64_t count = 0;
  const auto limit = std::chrono::steady_clock::now() + kCorePatience;
  for (auto& answer : answers) {
    if (answer.wait_until(limit) != std::future_status::ready) return sum(node, &S::retained);
    count += answer.get();
  }
  return count;
}

std::uint64_t open_connections(const Node& node) {
  std::uint64_t open = 0;
  for (const net::NetCounters& one : node.net_counters) {
    open += one.connections_opened.value() - one.connections_closed.value();
  }
  return open;
}

// Files come and go meanwhile: what is gone counts nothing.
std::uint64_t bytes_below(const std::string& folder) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    std::error_code gone;
    const bool is_file = at->is_regular_file(gone);
    const std::uint64_t size = is_file && !gone ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

json::value sessions_json(const Node& node) {
  // Read in this order, so that no difference falls below zero for long.
  const std::uint64_t attached = sum(node, &S::durable_connected);
  const std::uint64_t durable = sum(node, &S::sessions_durable);
  const std::uint64_t connected = sum(node, &S::connected);
  return {{"durable", durable},
          {"durable_connected", attached},
          {"durable_offline", durable > attached ? durable - attached : 0},
          {"clean_connected", connected > attached ? connected - attached : 0}};
}

json::value store_json(const Node& node) {
  const storage::Store& store = node.store->store();
  std::error_code failed;
  const fs::space_info space = fs::space(node.config.data_dir, failed);
  return {{"uuid", store.uuid()},
          {"bytes", bytes_below(node.config.data_dir)},
          {"disk_free_bytes", failed ? 0 : space.available},
          {"disk_bytes", failed ? 0 : space.capacity},
          {"refuses_new_messages", store.is_low_on_space()}};
}

json::value checkpoint_json(const Node& node) {
  const NodeStoreCounters& counters = node.store->counters();
  const auto last_ms = static_cast<WallMs>(counters.last_checkpoint_wall_ms.value());
  json::object object = {{"done", counters.checkpoints.value()},
                         {"failed", counters.checkpoint_failures.value()},
                         {"last", nullptr},
                         {"age_s", nullptr}};
  if (last_ms != 0) {
    object["last"] = time_text(last_ms);
    object["age_s"] = std::max<WallMs>(0, node.clock.wall_ms() - last_ms) / 1000;
  }
  return object;
}

}  // namespace

json::value status_json(Node& node) {
  json::array listeners;
  for (const auto& listener : node.listeners)
    listeners.push_back(json::value(listener->describe()));
  const NodeStoreCounters& counters = node.store->counters();
  const storage::StoreCounters& stored = node.store->store().counters();
  std::error_code failed;
  const fs::path data_dir = fs::absolute(node.config.data_dir, failed).lexically_normal();
  return {{"version", version()},
          {"pid", ::getpid()},
          {"ready", node.ready.load()},
          {"uptime_s", (node.clock.steady_ms() - node.started_ms) / 1000},
          {"data_dir", data_dir.string()},
          {"cores", node.config.threads},
          {"listeners", std::move(listeners)},
          {"connections", open_connections(node)},
          {"sessions", sessions_json(node)},
          {"subscriptions", sum(node, &S::subscriptions)},
          {"retained_messages", retained_messages(node)},
          {"queued_messages", sum(node, &S::queued)},
          {"queued_bytes", sum(node, &S::queued_bytes)},
          {"store", store_json(node)},
          {"checkpoint", checkpoint_json(node)},
          {"start",
           {{"replayed_records", counters.replayed.value()},
            {"unreadable_records", counters.unreadable_records.value()}}},
          {"damage",
           {{"files_put_aside", stored.damaged_files.value()},
            {"records", stored.damaged_records.value()},
            {"records_saved", stored.salvaged_records.value()},
            {"reads", stored.damaged_reads.value()}}}};
}

// A node that came back shall have all again before the next one is stopped.
std::string why_not_ready(const Node& node) {
  if (!node.ready.load()) return "starting or stopping";
  if (node.cluster == nullptr) return {};
  const std::uint32_t behind = node.cluster->cluster().status().behind;
  return behind == 0 ? ""
                     : "catching up: " + std::to_string(behind) + " shards aren't in sync here";
}

}  // namespace roost::server
