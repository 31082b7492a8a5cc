// SPDX-License-Identifier: Apache-2.0
// What crosses from the network's threads into Core::post: two nodes whose cores run, between them
// a network that tells of chunks and sessions on threads of its own, as gRPC does. Also what
// ThreadSanitizer is to look at.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/gates/peer_post.h"
#include "tests/support/eventually.h"

namespace roost::gates {
namespace {

constexpr std::uint16_t kCores = 2;
constexpr PeerId kOther{1};  // each node's name for the other one
constexpr auto kKind = PeerFrameKind::once;

// A frame: which core sent it, and its number among those.
struct Numbered {
  std::uint32_t core = 0, number = 0;
};

// Events of one node, in order on a thread of the network.
class EventThread {
 public:
  EventThread() : thread_([this] { run(); }) {}
  ~EventThread() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return events_.size();
  }
  void post(std::function<void()> event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_over_ || !events_.empty(); });
      if (events_.empty()) return;
      const std::function<void()> event = std::move(events_.front());
      events_.pop_front();
      lock.unlock();
      event();
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> events_;  // guarded by mutex_
  bool is_over_ = false;                      // guarded by mutex_
  std::thread thread_;
};

// One node's side of the network. Thread: any thread.
class Side final : public cluster::Cluster {
 public:
  std::function<void(std::uint64_t session, std::string chunk)> deliver;  // to the other one
  std::atomic<std::uint64_t> session{0};                                  // 0: none

  std::uint64_t incarnation() const override { return 1; }
  std::uint32_t feature_level() const override { return 1; }
  bool send(PeerId, std::uint64_t of_session, std::string chunk) override {
    if (session != of_session) return false;
    deliver(of_session, std::move(chunk));
    return true;
  }
  std::size_t waiting_bytes(PeerId) const override { return 0; }
  void ask(const std::string&, std::string, std::int64_t, Answered done) override {
    done(error(ErrorKind::unavailable, "nobody is asked here"));
  }
  void on_question(Asked) override {}
  cluster::ClusterStatus status() const override { return {}; }
  Result<void> remove_node(const std::string&, bool) override { return {}; }
  Result<void> move_leaders(const std::string&) override { return {}; }
  Result<void> force_leader(ShardId, const std::string&) override { return {}; }
  void drain() override {}
  bool is_drained() const override { return false; }
};

// What a core was told; each only touched by its core, but for the counts.
class Listener final : public PeerFrameHandler {
 public:
  std::atomic<std::uint32_t> frames{0}, ups{0}, downs{0}, faults{0};

  void on_peer_up(const cluster::PeerInfo& peer) override {
    if (is_up_ || peer.session <= session_) faults.fetch_add(1);
    is_up_ = true;
    session_ = peer.session;
    ups.fetch_add(1);
  }
  void on_peer_down(PeerId) override {
    if (!is_up_) faults.fetch_add(1);
    is_up_ = false;
    downs.fetch_add(1);
  }
  void on_peer_gone(PeerId, std::uint64_t) override {}
  void on_frame(PeerId, const PeerFrame& frame) override {
    Numbered one;
    std::memcpy(&one, frame.bytes.data(), sizeof one);
    if (!is_up_ || frame.bytes.size() != sizeof one || one.core >= kCores) {
      faults.fetch_add(1);
      return;
    }
    // A gap is what was lost between two sessions.
    const std::uint32_t before = std::exchange(last_[one.core], one.number);
    if (one.number <= before || (session_ == 1 && one.number != before + 1)) faults.fetch_add(1);
    frames.fetch_add(1);
  }

 private:
  bool is_up_ = false;
  std::uint64_t session_ = 0;
  std::array<std::uint32_t, kCores> last_{};
};

class PeerThreads : public testing::Test {
 protected:
  struct Node {
    explicit Node(const Clock& clock) : cores(kCores, clock, core::HostRules{.hosts = false}) {
      for (std::uint16_t id = 0; id < kCores; ++id) {
        posts.push_back(std::make_unique<PeerPost>(cores.at(CoreId{id}), side));
        posts.back()->handle({kKind}, listeners[id]);
        inbox.add(*posts.back());
      }
    }
    Side side;
    std::array<Listener, kCores> listeners;
    core::Cores cores;
    PeerInbox inbox{cores};
    std::vector<std::unique_ptr<PeerPost>> posts;
  };

  PeerThreads() {
    for (std::size_t at = 0; at < 2; ++at) {
      nodes_[at].side.deliver = [this, to = 1 - at](std::uint64_t session, std::string bytes) {
        threads_[to].post([this, to, session, bytes = std::move(bytes)] {
          cluster::Chunk chunk;
          chunk.bytes = bytes;
          nodes_[to].inbox.on_traffic(kOther, session, {std::move(chunk)});
        });
      };
      nodes_[at].cores.start();
    }
  }
  // Cores end while the network still tells of something.
  ~PeerThreads() override {
    is_over_ = true;
    for (Node& node : nodes_) node.cores.stop();
  }

  void begin_session(std::uint64_t number) {
    cluster::PeerInfo info;
    info.id = kOther;
    info.name = "other";
    info.incarnation = 1;
    info.session = number;
    for (Node& node : nodes_) node.side.session = number;
    // What one sends once it knows comes behind what tells the other.
    threads_[1].post([this, info] {
      threads_[0].post([this, info] { nodes_[0].inbox.on_peer_up(info); });
      nodes_[1].inbox.on_peer_up(info);
    });
  }
  // On the way that the beginning took: an end that overtakes it is the end of nothing.
  void end_session(std::uint64_t number) {
    for (Node& node : nodes_) node.side.session = 0;
    const auto end = [number](PeerInbox& inbox) {
      inbox.on_peer_down(kOther, number);
      inbox.on_peer_gone(kOther, number);
    };
    threads_[1].post([this, end] {
      threads_[0].post([this, end] { end(nodes_[0].inbox); });
      end(nodes_[1].inbox);
    });
  }
  // Some to each core of the other node in every turn that finds room on the way, up to so many:
  // what waits delays what is told of sessions.
  void pump(std::size_t at, std::uint16_t core, std::uint32_t sent, std::uint32_t limit) {
    if (is_over_ || sent == limit) return;
    PeerPost& post = *nodes_[at].posts[core];
    constexpr std::uint32_t kInATurn = 20;
    constexpr std::size_t kOnTheWay = 50;
    const bool has_room = threads_[1 - at].waiting() < kOnTheWay;
    for (std::uint32_t i = 0; has_room && post.is_up(kOther) && i < kInATurn && sent < limit; ++i) {
      const Numbered one{core, ++sent};
      std::array<std::uint8_t, sizeof one> bytes;
      std::memcpy(bytes.data(), &one, sizeof one);
      for (std::uint16_t to = 0; to < kCores; ++to) add_frame(kKind, to, bytes, post.out(kOther));
    }
    post.core().post([this, at, core, sent, limit] { pump(at, core, sent, limit); });
  }
  void pump_all(std::uint32_t limit) {
    for (std::size_t at = 0; at < 2; ++at) {
      for (std::uint16_t core = 0; core < kCores; ++core) {
        nodes_[at].cores.at(CoreId{core}).post([this, at, core, limit] {
          pump(at, core, 0, limit);
        });
      }
    }
  }
  // At each core of both nodes.
  bool each_has(std::atomic<std::uint32_t> Listener::*count, std::uint32_t least) {
    return support::eventually([&] {
      for (Node& node : nodes_) {
        for (Listener& listener : node.listeners) {
          if (listener.*count < least) return false;
        }
      }
      return true;
    });
  }
  std::uint32_t faults() {
    std::uint32_t sum = 0;
    for (Node& node : nodes_) {
      for (Listener& listener : node.listeners) sum += listener.faults;
    }
    return sum;
  }

  const SystemClock clock_;
  std::atomic<bool> is_over_{false};
  std::array<Node, 2> nodes_{Node(clock_), Node(clock_)};
  std::array<EventThread, 2> threads_;  // end first
};

TEST_F(PeerThreads, BringEveryFrameInOrderToItsCore) {
  constexpr std::uint32_t kFrames = 5'000;
  begin_session(1);
  pump_all(kFrames);
  EXPECT_TRUE(each_has(&Listener::frames, kCores * kFrames));
  EXPECT_EQ(faults(), 0U);
}

TEST_F(PeerThreads, TellOfSessionsInOrderWhileCoresSend) {
  constexpr std::uint32_t kSessions = 100;
  pump_all(UINT32_MAX);
  for (std::uint32_t number = 2; number < 2 + kSessions; ++number) {
    std::array<std::array<std::uint32_t, kCores>, 2> before{};
    for (std::size_t at = 0; at < 2; ++at) {
      for (std::uint16_t core = 0; core < kCores; ++core) {
        before[at][core] = nodes_[at].listeners[core].frames;
      }
    }
    begin_session(number);
    ASSERT_TRUE(support::eventually([&] {
      for (std::size_t at = 0; at < 2; ++at) {
        for (std::uint16_t core = 0; core < kCores; ++core) {
          if (nodes_[at].listeners[core].frames == before[at][core]) return false;
        }
      }
      return true;
    })) << number;
    end_session(number);
  }
  EXPECT_TRUE(each_has(&Listener::downs, kSessions));
  EXPECT_TRUE(each_has(&Listener::ups, kSessions));
  EXPECT_EQ(faults(), 0U);
}

}  // namespace
}  // namespace roost::gates
