// SPDX-License-Identifier: Apache-2.0
// In a cluster: how this node's own bits of interest change, in one order and by number, for other
// nodes to keep copies. A bit travels when it turns on or off, not filters: of each shard that is
// led here, and of all filters that live in memory here together (on while some core's is).
// Decision: README.md.
// Thread: any thread; a shard's bit has one writer at a time, which begin() and end() hand over.
// Owner: RoutingTable.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "broker/base/ids.h"
#include "broker/routing/interest.h"

namespace roost::routing {

struct InterestChange {
  enum class Kind : std::uint8_t {
    on,      // value: bucket
    off,     // value: bucket
    depths,  // value: bits; owner: kVolatiles, or any shard for all of them
    leads,   // value: epoch; nothing of the shard is on until it is said
    ends,    // the shard isn't led here any more
  };
  Kind kind = Kind::on;
  InterestOwner owner = kVolatiles;
  std::uint64_t value = 0;
  friend bool operator==(const InterestChange&, const InterestChange&) = default;
};

using InterestChanges = std::vector<InterestChange>;

// Told on the thread that made the first change since the last look.
class FeedReader {
 public:
  virtual void on_feed() = 0;

 protected:
  ~FeedReader() = default;
};

class InterestFeed {
 public:
  InterestFeed(SharedInterest& shards, SharedInterest& volatiles)
      : shards_(shards), volatiles_(volatiles) {}

  // --- on the shard's core ---
  // The shard's bit is this node's from now on, and off everywhere: its writer begins.
  void begin(ShardId shard, std::uint64_t epoch);
  // All its filters are down: other nodes are told, and of each change from now on.
  // Requires: begun.
  void lead(ShardId shard);
  // Not led here any more; its writer writes no more, and the bit is off everywhere.
  void end(ShardId shard);

  // Shards between begin() and end().
  std::uint64_t own_shards() const { return own_.load(std::memory_order_relaxed); }
  // Of whose filters the table says nothing just now: begun and not led yet, or ended and not
  // forgotten().
  std::uint64_t unsure_shards() const { return unsure_.load(std::memory_order_acquire); }
  // Moves when all of a bit is about to change hands, and again when it has. Who relies on a bit
  // that is off reads this, then whether he may rely on it, then the bit; if this has moved
  // meanwhile, all of it once more.
  std::uint64_t turnovers() const { return turnovers_.load(std::memory_order_acquire); }
  // Rises with every change. Whoever made one and asks then sees it counted.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // --- for InterestWriter ---
  void use_depths(InterestOwner owner, std::uint32_t depths);
  void show(SharedInterest& table, InterestOwner owner, std::uint32_t bucket, std::uint64_t mask);
  // The word before.
  std::uint64_t hide(SharedInterest& table, InterestOwner owner, std::uint32_t bucket,
                     std::uint64_t mask);

  // --- for whoever tells other nodes ---
  struct Part {
    InterestChanges changes;
    std::uint64_t version = 0;  // with them
  };
  // From now on changes are collected. Requires: before the cores run.
  void use(FeedReader& reader) { reader_ = &reader; }
  // Changes since the last call.
  Part take();
  // All that is on, as of the version that take() in the same breath came to.
  struct Whole {
    Part since;
    InterestChanges all;
  };
  Whole take_whole();
  // Nobody relies on the bit of a shard that ended here any more.
  void forget(ShardId shard);
  // Runs `work` unless the shard is this node's own, which can't become so meanwhile. False: it is.
  template <typename Work>
  bool unless_own(ShardId shard, Work&& work) {
    const std::lock_guard lock(mutex_);
    if ((own_shards() >> shard.value & 1U) != 0) return false;
    work();
    return true;
  }
  // The same for work that changes all of its bit. Before, nobody may be allowed to rely on it.
  template <typename Work>
  bool turn_over(ShardId shard, Work&& work) {
    return unless_own(shard, [&] { turn_over_all(work); });
  }
  template <typename Work>
  void turn_over(Work&& work) {  // of another table
    const std::lock_guard lock(mutex_);
    turn_over_all(work);
  }

 private:
  bool is_said(InterestOwner owner) const {
    return owner == kVolatiles || (said_ >> owner & 1U) != 0;
  }
  // With the lock held.
  template <typename Work>
  void turn_over_all(Work&& work) {
    turnovers_.fetch_add(1, std::memory_order_acq_rel);
    work();
    turnovers_.fetch_add(1, std::memory_order_acq_rel);
  }
  void set_unsure() { unsure_.store((own_shards() & ~said_) | ended_, std::memory_order_release); }
  // With the lock held. True: the reader is to be told.
  [[nodiscard]] bool add(InterestChange change);
  void tell(bool is_first) const {
    if (is_first) reader_->on_feed();
  }

  SharedInterest& shards_;
  SharedInterest& volatiles_;
  FeedReader* reader_ = nullptr;
  std::mutex mutex_;
  // Written under the lock.
  std::atomic<std::uint64_t> own_{0}, unsure_{0};
  std::atomic<std::uint64_t> version_{0}, turnovers_{0};
  // Guarded by mutex_.
  std::uint64_t said_ = 0;   // shards whose changes are told
  std::uint64_t ended_ = 0;  // and not forgotten
  std::uint64_t epochs_[kClusterShardsMax] = {};
  std::uint32_t shard_depths_ = 0, volatile_depths_ = 0;
  InterestChanges changes_;
};

}  // namespace roost::routing
