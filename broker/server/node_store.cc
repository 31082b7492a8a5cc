// SPDX-License-Identifier: Apache-2.0
#include "broker/server/node_store.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "broker/admin/restore.h"
#include "broker/base/check.h"
#include "broker/base/clock.h"
#include "broker/base/file.h"

namespace roost::server {

namespace {

constexpr int kLookMs = 200;  // whether a checkpoint is due
// After a start that replayed so many records it is due at once: a node that ends again and again
// before its interval is over would have more to replay each time.
constexpr std::uint64_t kReplayedMuch = 50'000;
constexpr int kCheckpointLimitMs = 600'000;

std::int64_t steady_ms() { return SystemClock().steady_ms(); }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    std::string_view part = std::string_view(text).substr(at, end - at);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    at = end + 1;
  }
  return parts;
}

// Sessions and topics find their shard by this number, so it is for life.
Result<void> check_shards(const Config& config) {
  const std::string path = config.data_dir + "/shards";
  const std::string wanted = std::to_string(config.shards);
  const auto found = base::read_file(path);
  if (!found && found.error().kind == ErrorKind::not_found) {
    return base::replace_file(path, wanted + "\n");
  }
  if (!found) return Unexpected(found.error());
  const std::string count = found->substr(0, found->find('\n'));
  if (count == wanted) return {};
  return error(ErrorKind::invalid_argument,
               "data_dir " + config.data_dir + " was made with shards: " + count +
                   ", the configuration says " + wanted + "; set shards: " + count +
                   " or choose another data_dir");
}

}  // namespace

Result<std::unique_ptr<NodeStore>> NodeStore::open(const Config& config, Log& log) {
  if (auto servable = admin::check_servable(config.data_dir); !servable) {
    return Unexpected(servable.error());
  }
  storage::StoreOptions options;
  options.path = config.data_dir;
  options.cache_bytes = config.store.cache_bytes;
  options.write_buffer_bytes = config.store.write_buffer_bytes;
  options.reserve_bytes = config.store.reserve_bytes;
  options.is_paced = config.is_cluster();
  auto store = storage::ReplicaStore::open(std::move(options), log);
  if (!store) return Unexpected(store.error());
  if (auto checked = check_shards(config); !checked) return Unexpected(checked.error());
  return std::unique_ptr<NodeStore>(new NodeStore(config, log, std::move(*store)));
}

NodeStore::NodeStore(const Config& config, Log& log, std::unique_ptr<storage::ReplicaStore> store)
    : config_(config), log_(log), store_(std::move(store)), last_checkpoint_ms_(steady_ms()) {
  for (std::uint16_t id = 0; id < config.shards; ++id) {
    epoch_ = std::max(epoch_, store_->last(ShardId{id}).epoch);
  }
  ++epoch_;
}

NodeStore::~NodeStore() { close(); }

void NodeStore::close() {
  finish(0);
  store_.reset();  // nothing calls back into the ends any more
}

void NodeStore::join(core::Core& core, session::SessionTable& table) {
  auto gate = std::make_unique<gates::DiskGate>(*store_, core, table, epoch_);
  table.use(*gate, *gate);
  ends_.push_back({&core, &table, std::move(gate), {}});
}

void NodeStore::join(core::Core& core, session::SessionTable& table, ReplicaEnd end) {
  ends_.push_back({&core, &table, nullptr, std::move(end)});
}

void NodeStore::start_shards(const Clock& clock, std::uint16_t shard_count) {
  std::vector<std::thread> threads;
  for (const End& end : ends_) {
    threads.emplace_back([&, shard_count] { start_shards_of(end, clock, shard_count); });
  }
  for (std::thread& thread : threads) thread.join();
  ::malloc_trim(0);  // what decoding and recovery took is given back once, before anybody waits
  std::uint64_t sessions = 0;
  for (const End& end : ends_) sessions += end.table->standby_sessions();
  log_.write(LogLevel::info, "replayed " + std::to_string(counters_.replayed.value()) +
                                 " records; " + std::to_string(sessions) + " durable sessions");
  if (counters_.unreadable_records.value() == 0) return;
  log_.write(LogLevel::error,
             std::to_string(counters_.unreadable_records.value()) +
                 " log records can't be read and are left out; the first: " + first_fault_);
}

void NodeStore::start_shards_of(const End& end, const Clock& clock, std::uint16_t shard_count) {
  const auto view = store_->view();
  for (std::uint16_t id = 0; id < shard_count; ++id) {
    if (&end.table->router().cores().of(ShardId{id}) != end.core) continue;
    const auto started = gates::start_shard(*store_, *view, *end.table, ShardId{id}, clock);
    const std::lock_guard lock(fault_lock_);
    counters_.replayed.add(started.replayed);
    counters_.unreadable_records.add(started.unreadable);
    if (first_fault_.empty()) first_fault_ = started.first_fault;
  }
}

template <typename Work>
bool NodeStore::on_all(Work work, int limit_ms) {
  auto left = std::make_shared<std::atomic<std::size_t>>(ends_.size());
  auto all = std::make_shared<std::promise<void>>();
  for (End& end : ends_) {
    end.core->post([&end, work, left, all]() mutable {
      work(end, [left, all] {
        if (--*left == 0) all->set_value();
      });
    });
  }
  return all->get_future().wait_for(std::chrono::milliseconds(limit_ms)) ==
         std::future_status::ready;
}

session::StartedRecord started_limits(const MqttConfig& mqtt) {
  session::StartedRecord limits;
  limits.max_queued_messages = mqtt.max_queued_messages;
  limits.max_queued_bytes = mqtt.max_queued_bytes;
  limits.drop_oldest = mqtt.drop_oldest;
  limits.keep_last = split(mqtt.keep_last);
  return limits;
}

void NodeStore::lead() {
  const session::StartedRecord limits = started_limits(config_.mqtt);
  CHECK(on_all(
      [limits](End& end, auto done) {
        end.table->lead(limits);
        done();
      },
      kCheckpointLimitMs));
  CHECK(on_all(
      [](End& end, auto done) {
        end.table->resume();
        done();
      },
      kCheckpointLimitMs));
  keep();
}

void NodeStore::keep() {
  thread_ = std::thread([this] { run(); });
}

bool NodeStore::is_due() {
  const bool is_large =
      store_->counters().untrimmed_bytes.value() >= config_.store.checkpoint_bytes;
  return is_large || steady_ms() - last_checkpoint_ms_ >=
                         static_cast<std::int64_t>(config_.store.checkpoint_interval_ms);
}

void NodeStore::run() {
  if (counters_.replayed.value() >= kReplayedMuch) checkpoint(kCheckpointLimitMs);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::milliseconds(kLookMs), [this] { return ending_; })) {
    if (!is_due()) continue;
    lock.unlock();
    checkpoint(kCheckpointLimitMs);
    lock.lock();
  }
}

bool NodeStore::checkpoint(int limit_ms) {
  const std::int64_t begun_ms = steady_ms();
  last_checkpoint_ms_ = begun_ms;
  const bool is_written = on_all(
      [](End& end, auto done) { end.table->checkpoint([done]() mutable { done(); }); }, limit_ms);
  const bool is_done = is_written && flush(limit_ms);
  (is_done ? counters_.checkpoints : counters_.checkpoint_failures).add();
  counters_.checkpoint_ms.add(static_cast<std::uint64_t>(steady_ms() - begun_ms));
  if (is_done) {
    counters_.last_checkpoint_wall_ms.set(static_cast<std::uint64_t>(SystemClock().wall_ms()));
  }
  return is_done;
}

// What replicas kept back from being trimmed is theirs to say, before and after.
bool NodeStore::flush(int limit_ms) {
  const auto tell = [&](auto what) {
    const bool is_alone = ends_.empty() || ends_.front().gate != nullptr;
    return is_alone || on_all(
                           [what](End& end, auto done) {
                             what(end.replicas);
                             done();
                           },
                           limit_ms);
  };
  if (!tell([](ReplicaEnd& end) { end.before_flush(); })) return false;
  auto flushed = std::make_shared<std::promise<bool>>();
  auto outcome = flushed->get_future();
  store_->flush_state(
      [flushed](const Result<void>& done) { flushed->set_value(done.has_value()); });
  const bool is_done =
      outcome.wait_for(std::chrono::milliseconds(limit_ms)) == std::future_status::ready &&
      outcome.get();
  return tell([is_done](ReplicaEnd& end) { end.after_flush(is_done); }) && is_done;
}

void NodeStore::finish(int limit_ms) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(ending_, true)) return;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  if (limit_ms == 0) return;
  // What the clients' leaving appended is committed first.
  const std::int64_t end_ms = steady_ms() + limit_ms;
  for (bool idle = false; !idle && steady_ms() < end_ms;) {
    auto busy = std::make_shared<std::atomic<bool>>(false);
    const bool all = on_all(
        [busy](End& end, auto done) {
          if (!end.is_idle()) *busy = true;
          done();
        },
        limit_ms);
    idle = all && !*busy;
    if (!idle) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (!checkpoint(static_cast<int>(std::max<std::int64_t>(end_ms - steady_ms(), 1000)))) {
    log_.write(LogLevel::warn, "the state is not all on disk yet; the next start replays the log");
  }
}

}  // namespace roost::server
