// SPDX-License-Identifier: Apache-2.0
// The receiver's side of QoS 1 and 2 between nodes, one a core: what came for a shard or for the
// node's sessions in memory, lane by lane in order, and up to where it can be confirmed. A repeat
// (sent again behind a broken session) is not delivered again, and confirmed again. What comes for
// a shard that isn't led here in the epoch that was meant is dropped: its sender hears of the
// leader and sends it there.
// Thread: core-bound.
// Owner: PeerGate.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "broker/gates/peer_message.h"
#include "broker/routing/router.h"
#include "broker/session/ring.h"

namespace roost::gates {

// A core's shards, as they are needed here.
class ShardSide {
 public:
  virtual bool leads(ShardId shard, std::uint64_t epoch) const = 0;
  // `done` runs once it is committed, or nobody wants it for certain; never, if that isn't known.
  // `stored`, if there is one, once it is on this node's disk, or not at all.
  virtual void deliver(ShardId shard, const routing::MessagePtr& message,
                       const routing::Source& source, bool delivers, bool keeps, core::Task done,
                       core::Task stored) = 0;
  // Sessions in memory have missed QoS 1 and 2 messages: another node had given this one up.
  virtual void missed() = 0;

 protected:
  ~ShardSide() = default;
};

// One message for one shard of this core.
struct Arrived {
  PeerId from;                    // kThisNode too
  std::uint64_t incarnation = 0;  // of its process
  LaneId lane = 0;
  std::uint64_t number = 0;
  PublishHead::Shard to;
  bool is_late = false;
  bool is_early = false;
  routing::Router::Told told;  // where it is kept
  routing::MessagePtr message;
  routing::Source source;
};

// What is to be said to whom.
struct Confirmation {
  PeerId to;
  std::uint64_t incarnation = 0;
  Confirmed what;
};

class Inbound final : private routing::PublicationWaiter {
 public:
  // `news` is run at the end of each turn in which there is some.
  Inbound(routing::Router& router, ShardSide& shards, core::TurnEnd& news)
      : router_(router), shards_(shards), tell_(news) {}
  void missed() { shards_.missed(); }

  void arrived(const Arrived& one);
  // For sessions of this node that live in memory, on all its cores.
  void arrived_volatile(PeerId from, std::uint64_t incarnation, LaneId lane, std::uint64_t number,
                        const routing::MessagePtr& message, bool is_late,
                        const std::optional<routing::Source>& source);
  // What can be confirmed since the last call.
  std::vector<Confirmation> take_news();
  std::uint64_t refused() const { return refused_; }
  std::uint64_t repeats() const { return repeats_; }

 private:
  // One target of one lane.
  struct Received {
    PeerId from;
    LaneId lane = 0;
    std::uint8_t target = 0;
    bool is_news = false;
    std::uint64_t incarnation = 0;
    std::uint64_t epoch = 0;
    std::uint32_t round =
        0;                   // rises when it begins anew: what is on its way from before is not its
    std::uint64_t last = 0;  // number that came
    std::uint64_t through = 0;  // up to here all is done
    std::uint64_t stored = 0;   // up to here all that are early are stored or done
    struct Pending {
      std::uint64_t number = 0;
      bool is_done = false;
      bool is_early = false;  // wanted to be told as stored
      bool is_stored = false;
    };
    session::Ring<Pending> pending;
    std::size_t stored_count = 0;  // of them, from the front
  };
  // A publication of Router::arrived().
  struct Open {
    Received* received = nullptr;
    std::uint32_t round = 0;
    std::uint64_t number = 0;
  };

  Received& received(PeerId from, LaneId lane, std::uint8_t target);
  // False: it came before.
  bool begin(Received& received, std::uint64_t number, bool is_early);
  static void renew(Received& received, std::uint64_t incarnation, std::uint64_t epoch);
  static std::size_t place_of(const Received& received, std::uint64_t number);
  void done(Received& received, std::uint32_t round, std::uint64_t number);
  void stored(Received& received, std::uint32_t round, std::uint64_t number);
  void go_on_with_stored(Received& received);
  void note(Received& received);
  void on_confirmed(std::uint64_t tag) override;

  routing::Router& router_;
  ShardSide& shards_;
  core::TurnEnd& tell_;
  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Received>> received_;
  std::vector<Received*> news_;
  std::vector<Open> open_;  // by tag
  std::vector<std::size_t> spare_;
  std::uint64_t refused_ = 0, repeats_ = 0;
};

}  // namespace roost::gates
