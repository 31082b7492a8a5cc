// SPDX-License-Identifier: Apache-2.0
// Chunks within a session: all of them, in order per lane, as fast as they are let go.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "cluster/peer/settings.h"
#include "tests/peer/load.h"
#include "tests/peer/peer_node.h"

namespace roost::cluster {
namespace {

constexpr std::array<Lane, kLanes> kAllLanes = {Lane::replication, Lane::traffic, Lane::bulk};

NodeOptions checked_by(LoadCheck& check) {
  return {.take = [&check](PeerId from, Lane lane, const Chunk& chunk) {
    check.take(from, lane, chunk.bytes);
  }};
}

TEST(PeerTraffic, ChunksOfAllSizesArriveOnAllLanesInBothDirections) {
  PeerNode a("a"), b("b");
  link(a, b);
  std::vector<std::string> sent;
  for (std::size_t size = 1; size < kChunkBytesMax; size = size * 3 + 1) {
    sent.push_back(std::string(size, static_cast<char>('a' + size % 26)));
  }
  sent.push_back(std::string(kChunkBytesMax, 'z'));
  for (const Lane lane : kAllLanes) {
    for (const std::string& chunk : sent) {
      ASSERT_TRUE(a.send(kB, lane, chunk));
      ASSERT_TRUE(b.send(kA, lane, chunk));
    }
  }
  for (const auto& [node, peer] : {std::pair{&a, kB}, std::pair{&b, kA}}) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      EXPECT_TRUE(node->events().wait_for([&](auto& told) {
        return told[peer.value].chunks[lane].size() == sent.size();
      })) << node->name();
      EXPECT_TRUE(node->events().told()[peer.value].chunks[lane] == sent) << node->name();
    }
  }
}

// Threads of both sides send on all lanes at once. Seeded; the seed is printed.
TEST(PeerTraffic, NothingIsLostOrOvertakenUnderLoadFromSeveralThreads) {
  constexpr std::uint32_t kSenders = 4;
  constexpr std::uint32_t kEach = 3000;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  LoadCheck at_a, at_b;
  PeerNode a("a", checked_by(at_a)), b("b", checked_by(at_b));
  link(a, b);
  std::vector<std::thread> threads;
  const auto send = [&](PeerNode& from, PeerId to, std::uint32_t sender) {
    std::minstd_rand random(seed + sender);
    std::array<std::uint32_t, kLanes> next{};
    const std::uint64_t session = from.session(to);
    for (std::uint32_t i = 0; i < kEach; ++i) {
      const std::size_t lane = random() % kLanes;
      std::string chunk = numbered(sender, next[lane]++, random_size(random));
      EXPECT_TRUE(from.network().send(to, session, kAllLanes[lane], std::move(chunk)));
    }
  };
  for (std::uint32_t sender = 0; sender < kSenders; ++sender) {
    threads.emplace_back([&, sender] { send(a, kB, sender); });
    threads.emplace_back([&, sender] { send(b, kA, sender); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(comes_true([&] {
    return at_a.count() == kSenders * kEach && at_b.count() == kSenders * kEach;
  })) << at_a.count()
      << " and " << at_b.count();
  EXPECT_EQ(at_a.faults(), 0u);
  EXPECT_EQ(at_b.faults(), 0u);
  EXPECT_EQ(a.events().told()[kB.value].downs, 0);
  const PeerCounters out = a.network().counters(), in = b.network().counters();
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    EXPECT_EQ(in.lanes[lane].chunks_in, out.lanes[lane].chunks_out);
    EXPECT_EQ(in.lanes[lane].bytes_in, out.lanes[lane].bytes_out);
    EXPECT_LE(in.lanes[lane].bytes_in,
              in.lanes[lane].envelopes_in * static_cast<std::uint64_t>(peer::kEnvelopeBytesMax));
  }
}

// The reading stops at the limit, what waits goes in few envelopes, and all goes on when it is let
// go.
TEST(PeerTraffic, WhatIsHeldStopsTheReadingOfThatLaneOnly) {
  PeerNode a("a"), b("b");
  link(a, b);
  b.events().keep_held(true);
  constexpr int kLarge = 64, kSmall = 2000;
  for (int i = 0; i < kLarge; ++i) a.send(kB, Lane::traffic, std::string(kChunkBytesMax, 'x'));
  ASSERT_TRUE(comes_true([&] { return b.network().counters().pauses == 1; }));
  const std::size_t traffic = static_cast<std::size_t>(Lane::traffic);
  const std::uint64_t read = b.network().counters().lanes[traffic].bytes_in;
  EXPECT_GT(read, peer::kHeldBytesMax);
  EXPECT_LE(read, peer::kHeldBytesMax + kChunkBytesMax);
  EXPECT_GT(a.network().waiting_bytes(kB, Lane::traffic), 0u);

  // Other lanes and the other direction go on.
  a.send(kB, Lane::replication, "append");
  b.send(kA, Lane::traffic, "back");
  EXPECT_TRUE(b.events().wait_for([](auto& told) {
    return told[kB.value].chunks[0].empty() && told[kA.value].chunks[0].size() == 1;
  }));
  EXPECT_TRUE(
      a.events().wait_for([&](auto& told) { return told[kB.value].chunks[traffic].size() == 1; }));

  const std::uint64_t envelopes = a.network().counters().lanes[traffic].envelopes_out;
  for (int i = 0; i < kSmall; ++i) a.send(kB, Lane::traffic, "small");
  EXPECT_EQ(b.network().counters().lanes[traffic].bytes_in, read) << "it has read on";
  b.events().keep_held(false);
  b.events().let_go(kA);
  EXPECT_TRUE(b.events().wait_for(
      [&](auto& told) { return told[kA.value].chunks[traffic].size() == kLarge + kSmall; }));
  const std::uint64_t batches = a.network().counters().lanes[traffic].envelopes_out - envelopes;
  EXPECT_LT(batches, kLarge + 20u);
  EXPECT_TRUE(comes_true([&] { return a.network().waiting_bytes(kB, Lane::traffic) == 0; }));
}

TEST(PeerTraffic, ChunksMayBeHeldBeyondTheNetworksEnd) {
  std::vector<Chunk> kept;
  std::mutex mutex;
  {
    PeerNode a("a");
    PeerNode b("b", {.take = [&](PeerId, Lane, Chunk chunk) {
                 std::lock_guard lock(mutex);
                 kept.push_back(std::move(chunk));
               }});
    link(a, b);
    for (int i = 0; i < 40; ++i) a.send(kB, Lane::bulk, std::string(kChunkBytesMax, 'x'));
    ASSERT_TRUE(comes_true([&] { return b.network().counters().pauses == 1; }));
  }
  std::lock_guard lock(mutex);
  EXPECT_GT(kept.size(), 10u);
  kept.clear();
}

TEST(PeerTraffic, EventsMaySendAndChangeThePeers) {
  PeerNode* back = nullptr;
  PeerNode a("a");
  PeerNode b("b", {.take = [&](PeerId from, Lane lane, Chunk chunk) {
               if (chunk.bytes == "enough") return back->network().set_peers({});
               back->send(from, lane, chunk.bytes + " to you");
             }});
  back = &b;
  link(a, b);
  a.send(kB, Lane::traffic, "hello");
  EXPECT_TRUE(a.events().wait_for([](auto& told) {
    return told[kB.value].chunks[1] == std::vector<std::string>{"hello to you"};
  }));
  a.send(kB, Lane::traffic, "enough");
  EXPECT_TRUE(b.wait_down(kA));
  EXPECT_TRUE(a.wait_down(kB));
}

}  // namespace
}  // namespace roost::cluster
